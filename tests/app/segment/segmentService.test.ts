import { describe, expect } from 'vitest';
import { SegmentService } from '@/app/segment/segmentService';
import { importModel } from '@/core/interop/importModel';
import { newGeometry, writeVolume } from '@/core/io/niftiWriter';
import { readNpz } from '@/core/io/npy';
import { readAsStored } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import { keepLargestComponent } from '@/core/postprocessing/largestComponent';
import { nodeWebGpu } from '@/gpu/nodeGpu';
import type { Zyx } from '@/shared/geometry';
import { randomNormal } from '@/shared/random';
import type { CaseFileStore } from '@/storage/caseFiles';
import {
  type CaseRecord,
  PROBABILITIES_FILE,
  type PredictRequest,
  SEGMENTATION_FILE,
} from '@/storage/caseRecord';
import { createModelLibrary } from '@/storage/modelLibrary';
import type { CaseProgress } from '@/workers/segment/api';
import { MemoryRecords } from '../../storage/memoryRecords';
import { test } from '../../support/gpu';
import { memoryFolderStore } from '../../support/memoryFolderStore';
import { modelFolderFiles } from '../../support/modelFolder';

const SHAPE: Zyx = [6, 24, 20];
const VOXELS = 6 * 24 * 20;

function memoryCaseFiles(): CaseFileStore {
  const folders = memoryFolderStore();
  return {
    write: async (key, file) =>
      folders.folder(key).write(file.path.slice(file.path.lastIndexOf('/') + 1), await file.bytes()),
    open: async (key, name) => {
      const file = await folders.folder(key).open(name);
      if (!file) throw new Error(`no ${name}`);
      return file;
    },
    removeCase: (key) => folders.remove(key),
    cases: () => folders.ids(),
  };
}

/** A case, and a model whose two folds stand for two models. */
async function studio() {
  const library = createModelLibrary(new MemoryRecords(), new MemoryRecords());
  const [imported] = await importModel(modelFolderFiles({ folds: ['0', '1'] }));
  const model = await library.add({ ...imported, name: 'Tiny', source: 'test', origin: 'imported' });
  const caseFiles = memoryCaseFiles();
  const image = await writeVolume(randomNormal(VOXELS, 5), SHAPE, newGeometry(SHAPE, [3, 1, 1]));
  await caseFiles.write('case', memoryFile(image, 'a_0000.nii.gz'));
  const segmenter = new SegmentService({
    library,
    caseFiles,
    webgpu: await nodeWebGpu(),
    tuning: new MemoryRecords(),
    runtime: { threads: 1 },
  });
  const record = { id: 'case', caseId: 'a', files: ['a_0000.nii.gz'] } as unknown as CaseRecord;
  const progress: CaseProgress[] = [];
  const segment = async (folds: readonly string[], part: Partial<PredictRequest> = {}) => {
    const settings = {
      folds,
      tileStepSize: 0.5,
      useGaussian: true,
      useMirroring: false,
      saveProbabilities: true,
    };
    const job: PredictRequest = { modelId: model.id, modelName: 'Tiny', settings, ...part };
    const watch = {
      signal: new AbortController().signal,
      onProgress: (one: CaseProgress) => progress.push(one),
    };
    const result = await segmenter.segment(record, job, watch);
    const npz = await readNpz(await (await caseFiles.open('case', PROBABILITIES_FILE)).bytes());
    const { data } = await readAsStored([await caseFiles.open('case', SEGMENTATION_FILE)]);
    const probabilities = npz.get('probabilities')?.data as Float32Array;
    return { result, probabilities, labels: Uint8Array.from(data) };
  };
  return { segment, progress, model };
}

describe('a job of several models', () => {
  test('averages their probabilities, then keeps largest components', async ({ gpu }) => {
    expect(gpu.facts).toBeDefined();
    const { segment, progress, model } = await studio();
    const [first, second] = [await segment(['0']), await segment(['1'])];
    expect(first.labels).not.toEqual(second.labels);
    progress.length = 0;
    const others = [{ modelId: model.id, modelName: 'Tiny', folds: ['1'] }];
    const both = await segment(['0'], { others });
    const mean = first.probabilities.map((value, i) => Math.fround(value + second.probabilities[i]) / 2);
    expect(both.probabilities).toEqual(mean);
    const highest = (i: number) =>
      [0, 1, 2].reduce((best, c) => (mean[c * VOXELS + i] > mean[best * VOXELS + i] ? c : best), 0);
    expect(Array.from(both.labels)).toEqual(Array.from({ length: VOXELS }, (_, i) => highest(i)));
    expect(progress.map(({ member }) => member?.number)).toContain(2);
    expect(both.result.labels.map(({ voxels }) => voxels)).toEqual(
      [1, 2].map((label) => both.labels.filter((value) => value === label).length),
    );

    const postprocessing = [{ members: [[2]], isList: false, background: 0 }];
    const kept = await segment(['0'], { others, postprocessing });
    expect(kept.labels).toEqual(keepLargestComponent(both.labels, SHAPE, [[2]]));
    expect(kept.labels).not.toEqual(both.labels);
    expect(kept.probabilities).toEqual(mean);
  });
});
