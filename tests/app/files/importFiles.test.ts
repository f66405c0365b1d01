// What becomes of dropped files that belong together: label maps beside images, and several models.
import { describe, expect, test } from 'vitest';
import { importFiles } from '@/app/files/importFiles';
import { newGeometry, writeVolume } from '@/core/io/niftiWriter';
import { readAsStored } from '@/core/io/readers';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { writeZip } from '@/core/io/zipStream';
import { elementCount, type Zyx } from '@/shared/geometry';
import { seededRandom } from '@/shared/random';
import type { CaseFileStore } from '@/storage/caseFiles';
import { type CaseRecord, SEGMENTATION_FILE } from '@/storage/caseRecord';
import { createModelLibrary } from '@/storage/modelLibrary';
import { MemoryRecords } from '../../storage/memoryRecords';
import { modelFolderFiles } from '../../support/modelFolder';

const SHAPE: Zyx = [6, 8, 10];

async function nifti(path: string, voxels: Float32Array, shape = SHAPE): Promise<SourceFile> {
  return memoryFile(await writeVolume(voxels, shape, newGeometry(shape, [3, 1, 1])), path);
}

function image(path: string, shape = SHAPE): Promise<SourceFile> {
  const random = seededRandom(1);
  const voxels = Float32Array.from({ length: elementCount(shape) }, () =>
    Math.round(1000 * random.uniform()),
  );
  return nifti(path, voxels, shape);
}

/** Two boxes, of labels 1 and 3. */
function labels(path: string, shape = SHAPE): Promise<SourceFile> {
  const voxels = new Float32Array(elementCount(shape));
  voxels.fill(1, 80, 160);
  voxels.fill(3, 240, 260);
  return nifti(path, voxels, shape);
}

function kept() {
  const cases = new Map<string, Map<string, SourceFile>>();
  const caseFiles: CaseFileStore = {
    write: async (id, file) => {
      const files = cases.get(id) ?? new Map<string, SourceFile>();
      cases.set(id, files.set(file.path.slice(file.path.lastIndexOf('/') + 1), file));
    },
    open: async (id, name) => cases.get(id)?.get(name) ?? Promise.reject(new Error(`no ${name}`)),
    removeCase: async (id) => void cases.delete(id),
    cases: async () => [...cases.keys()],
  };
  const library = createModelLibrary(new MemoryRecords(), new MemoryRecords());
  const open: CaseRecord[] = [];
  const keep = async (...files: readonly SourceFile[]) => {
    const job = { files, origin: 'imported' as const, library, caseFiles, open };
    const report = await importFiles({ ...job, onStep: () => undefined });
    open.push(...report.cases);
    return report;
  };
  return { keep, caseFiles };
}

describe('a label map dropped beside its image', () => {
  test.each([
    ['head_0000.nii.gz', 'head.nii.gz'],
    ['head.nii.gz', 'head_seg.nii.gz'],
    ['head.nii.gz', 'head-label.nii.gz'],
    ['study/imagesTr/head_0000.nii.gz', 'study/labelsTr/head.nii.gz'],
    ['study/images/head_0000.nii.gz', 'study/masks/head_0000.nii.gz'],
    ['study/images/head.nii.gz', 'study/masks/head_0000.nii.gz'],
    ['head_0000.nii.gz', 'head_seg_0000.nii.gz'],
    ['head.nii.gz', 'head_0000.nii.gz'],
    ['ct.nii.gz', 'liver and spleen.nii.gz'],
  ])('%s and %s are one case with its segmentation', async (imageName, labelName) => {
    const { keep, caseFiles } = kept();
    const report = await keep(await image(imageName), await labels(labelName));
    expect(report.problems).toEqual([]);
    expect(report.cases).toHaveLength(1);
    const [{ id, caseId, result, run }] = report.cases;
    expect(imageName).toContain(caseId);
    expect(run.status).toBe('idle');
    expect(result).toMatchObject({
      givenAs: labelName.slice(labelName.lastIndexOf('/') + 1),
      labels: [
        { value: 1, voxels: 80 },
        { value: 3, voxels: 20 },
      ],
      warnings: [],
    });
    const written = await readAsStored([await caseFiles.open(id, SEGMENTATION_FILE)]);
    const given = await readAsStored([await labels('x.nii.gz')]);
    expect(written.data).toEqual(given.data);
  });

  test('of another size is said, and the image is kept', async () => {
    const report = await kept().keep(
      await image('head_0000.nii.gz'),
      await labels('head.nii.gz', [7, 8, 10]),
    );
    expect(report.cases.map(({ result }) => result)).toEqual([undefined]);
    const sizes = 'its size of 10 × 8 × 7 voxels is not that of its image, 10 × 8 × 6 (x × y × z)';
    expect(report.problems).toMatchObject([{ name: 'NotItsLabelMap', path: 'head.nii.gz' }]);
    expect(report.problems[0].message).toContain(sizes);
    const ofAnyName = await kept().keep(await image('ct.nii.gz'), await labels('organs.nii.gz', [7, 8, 10]));
    expect(ofAnyName.cases.map(({ caseId }) => caseId)).toEqual(['ct', 'organs']);
    expect(ofAnyName.problems[0].message).toContain(`not like that of ct.nii.gz: ${sizes}`);
  });

  test('after its image joins the case that is open, by name and size', async () => {
    for (const name of ['head.nii.gz', 'masks/head_0000.nii.gz', 'head_seg.nii.gz']) {
      const { keep, caseFiles } = kept();
      const { cases } = await keep(await image('head_0000.nii.gz'));
      const { id } = cases[0];
      const report = await keep(await labels(name));
      expect(report).toMatchObject({ cases: [], problems: [], joined: [{ id }] });
      expect(report.joined?.[0].result.labels.map(({ value }) => value)).toEqual([1, 3]);
      const written = await readAsStored([await caseFiles.open(id, SEGMENTATION_FILE)]);
      expect(written.shape).toEqual(SHAPE);
    }
  });

  test('after its image, but of another size or where there is a segmentation, is an image, and it is said why', async () => {
    const { keep } = kept();
    await keep(await image('head_0000.nii.gz'));
    const other = await keep(await labels('head.nii.gz', [7, 8, 10]));
    expect(other).toMatchObject({ cases: [{ caseId: 'head' }], joined: [] });
    expect(other.problems.map(({ message }) => message).join()).toMatch(
      /label map of head, which is open, but its size of 10 × 8 × 7 voxels is not that of its image, 10 × 8 × 6/,
    );
    const pair = kept();
    await pair.keep(await image('arm_0000.nii.gz'), await labels('arm.nii.gz'));
    const again = await pair.keep(await labels('arm_seg.nii.gz'));
    expect(again).toMatchObject({ cases: [{ caseId: 'arm_seg' }], joined: [] });
    expect(again.problems.map(({ message }) => message).join()).toContain(
      'arm, which has a segmentation already',
    );
  });

  test('alone is shown as an image, and it is said what it looks like', async () => {
    for (const name of ['head.nii.gz', 'labelsTr/head.nii.gz', 'head_seg.nii.gz']) {
      const report = await kept().keep(await labels(name));
      expect(report.cases).toHaveLength(1);
      expect(report.problems).toMatchObject([{ name: 'LabelMapAlone', isNote: true }]);
    }
  });

  test('two images are two images', async () => {
    const report = await kept().keep(await image('a.nii.gz'), await image('b.nii.gz'));
    expect(report.cases.map(({ caseId }) => caseId)).toEqual(['a', 'b']);
    expect(report.problems).toEqual([]);
  });
});

describe('a folder of models', () => {
  const below = (folder: string, files: readonly SourceFile[]) =>
    files.map((file) => ({ ...file, path: `${folder}/${file.path}` }));

  test('is as many models as there are in it, whatever form they have', async () => {
    const entries = modelFolderFiles().map(async ({ path, bytes }) => ({ path, content: await bytes() }));
    const archive = await writeZip(await Promise.all(entries));
    const zip = (path: string) => memoryFile(archive, path);
    const { keep } = kept();
    const report = await keep(
      ...below('models/first', modelFolderFiles()),
      ...below('models/second', modelFolderFiles()),
      zip('models/third/model.zip'),
      zip('models/fourth/model.zip'),
    );
    expect(report.problems).toEqual([]);
    expect(report.models).toHaveLength(4);
    expect(report.cases).toEqual([]);
  });

  test('one that is damaged does not keep the others out', async () => {
    const { keep } = kept();
    const report = await keep(
      ...below('models/sound', modelFolderFiles()),
      memoryFile(new TextEncoder().encode('no zip'), 'models/broken.zip'),
      memoryFile(new TextEncoder().encode('no bundle'), 'models/broken.nnstudio'),
    );
    expect(report.models).toHaveLength(1);
    expect(report.problems.map(({ path }) => path).sort()).toEqual([
      'models/broken.nnstudio',
      'models/broken.zip',
    ]);
  });
});
