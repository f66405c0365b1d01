// Small training data for the journeys, made by our own writers: blobs in noise that look a little like hippocampi.
import { newGeometry, writeVolume } from '@/core/io/niftiWriter';
import { writeCase } from '@/core/io/readers';
import { elementCount, type Zyx } from '@/shared/geometry';
import { seededRandom } from '@/shared/random';
import type { Workbench } from './files';

const SHAPES: readonly Zyx[] = [
  [34, 50, 36],
  [36, 47, 35],
  [33, 52, 37],
  [38, 49, 34],
  [35, 51, 36],
  [37, 48, 33],
];

interface Blob {
  readonly image: Float32Array;
  readonly labels: Uint8Array;
}

/** An elongated body in two halves, labels 1 (front) and 2 (back), over noise. */
function hippocampus(seed: number, shape: Zyx): Blob {
  const random = seededRandom(seed);
  const [depth, height, width] = shape;
  const image = new Float32Array(elementCount(shape));
  const labels = new Uint8Array(image.length);
  for (let z = 0, i = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const r = Math.hypot((z - depth / 2) / 6, (y - height / 2) / 17, (x - width / 2) / 6);
        labels[i] = r > 1 ? 0 : y > height / 2 ? 1 : 2;
        image[i] = 1000 + (r < 1 ? 400 : 250 * Math.sin(y / 6)) + 60 * random.normal();
      }
    }
  }
  return { image, labels };
}

export const CASES = SHAPES.map((_, i) => `hippocampus_${String(i + 1).padStart(3, '0')}`);

/** `Task04_Hippocampus` of six labelled cases and one to test on; returns the folder. */
export async function writeTask(bench: Workbench): Promise<string> {
  const folder = 'Task04_Hippocampus';
  for (const [i, caseId] of CASES.entries()) {
    const { image, labels } = await nifti(i);
    bench.write(`${folder}/imagesTr/${caseId}.nii.gz`, image);
    bench.write(`${folder}/labelsTr/${caseId}.nii.gz`, labels);
  }
  bench.write(`${folder}/imagesTs/hippocampus_900.nii.gz`, (await nifti(0)).image);
  const json = {
    name: 'Hippocampus',
    labels: { '0': 'background', '1': 'Anterior', '2': 'Posterior' },
    modality: { '0': 'MRI' },
    numTraining: CASES.length,
    numTest: 1,
    training: CASES.map((caseId) => ({
      image: `./imagesTr/${caseId}.nii.gz`,
      label: `./labelsTr/${caseId}.nii.gz`,
    })),
    test: ['./imagesTs/hippocampus_900.nii.gz'],
  };
  bench.write(`${folder}/dataset.json`, JSON.stringify(json));
  return `${bench.folder}/${folder}`;
}

/** The same cases as a raw nnU-Net dataset, `change` having its way with each file's bytes (nothing: leave it out). */
export async function writeRawDataset(
  bench: Workbench,
  change: (path: string, content: Uint8Array) => Uint8Array | undefined = (_, content) => content,
): Promise<string> {
  const folder = 'Dataset004_Hippocampus';
  const write = (path: string, content: Uint8Array) => {
    const changed = change(path, content);
    if (changed) bench.write(`${folder}/${path}`, changed);
  };
  for (const [i, caseId] of CASES.entries()) {
    const { image, labels } = await nifti(i);
    write(`imagesTr/${caseId}_0000.nii.gz`, image);
    write(`labelsTr/${caseId}.nii.gz`, labels);
  }
  const json = {
    channel_names: { '0': 'MRI' },
    labels: { background: 0, Anterior: 1, Posterior: 2 },
    numTraining: CASES.length,
    file_ending: '.nii.gz',
  };
  write('dataset.json', new TextEncoder().encode(JSON.stringify(json)));
  return `${bench.folder}/${folder}`;
}

/** Files of case `i`, with its own shape and seed. */
export async function nifti(
  i: number,
  shape = SHAPES[i],
): Promise<{ image: Uint8Array; labels: Uint8Array }> {
  const { image, labels } = hippocampus(i + 1, shape);
  const geometry = newGeometry(shape, [1, 1, 1]);
  const [{ content }] = await writeCase(labels, shape, geometry, { ending: '.nii.gz' });
  return { image: await writeVolume(image, shape, geometry), labels: content };
}
