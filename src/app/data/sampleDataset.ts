// A made-up dataset to try the studio with: nothing is shipped or fetched, everything comes from seeds.

import { newDatasetJson } from '@/core/dataset/looseDataset';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { pythonJson } from '@/core/interop/pythonJson';
import { writeSegmentation } from '@/core/io/niftiWriter';
import { makePhantom, PHANTOM_LABELS, PHANTOM_SHAPE, phantomGeometry } from '@/core/sample/phantom';
import { yieldToEventLoop } from '@/shared/concurrency';
import type { DatasetFolder } from '@/storage/datasetFolder';

/** As the shipped sample model's. */
export const SAMPLE_DATASET = 'Dataset900_Phantom';
/** Of phantoms that neither the shipped model was fitted on nor the shipped image is. */
const SEEDS = Array.from({ length: 8 }, (_, i) => 400 + i);
const ENDING = '.nii.gz';

interface SampleOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** Makes eight labelled phantoms as a raw dataset. Returns its size. */
export async function writeSampleDataset(
  folder: DatasetFolder,
  { signal, onProgress }: SampleOptions,
): Promise<number> {
  const geometry = phantomGeometry();
  let sizeInBytes = 0;
  const write = async (path: string, content: Uint8Array) => {
    await folder.write(path, content);
    sizeInBytes += content.length;
  };
  for (const [i, seed] of SEEDS.entries()) {
    await yieldToEventLoop();
    signal.throwIfAborted();
    const { image, labels } = makePhantom(seed);
    const caseId = `phantom_${seed}`;
    await write(`imagesTr/${caseId}_0000${ENDING}`, await writeSegmentation(image, PHANTOM_SHAPE, geometry));
    await write(`labelsTr/${caseId}${ENDING}`, await writeSegmentation(labels, PHANTOM_SHAPE, geometry));
    onProgress(i + 1, SEEDS.length);
  }
  const document = newDatasetJson({
    name: SAMPLE_DATASET,
    channelNames: ['MR'],
    labels: new Map(Object.entries(PHANTOM_LABELS)),
    fileEnding: ENDING,
    numTraining: SEEDS.length,
    description: 'Made-up heads; everything comes from seeds',
  });
  await write(NNUNET_FILES.dataset, new TextEncoder().encode(pythonJson(document)));
  return sizeInBytes;
}
