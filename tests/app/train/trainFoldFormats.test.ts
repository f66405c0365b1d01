// Cases as `.b2nd`, which nnU-Net from 2.6 on preprocesses to, beside the same ones as `.npz`.
import { beforeAll, describe, expect } from 'vitest';
import { exceedsMemory, openCaseInFiles, openCaseInMemory } from '@/app/train/foldCases';
import { openFold } from '@/app/train/foldSetup';
import { networkOfFold, type TrainFoldRequest, trainFold } from '@/app/train/trainFold';
import { validateFold } from '@/app/train/validateFold';
import type { Zyx } from '@/shared/geometry';
import { integerBelow, keyedRandom } from '@/shared/random';
import type { DatasetFolder } from '@/storage/datasetFolder';
import { withCasesAsB2nd } from '../../support/b2ndCases';
import { test } from '../../support/gpu';
import { memoryFolder } from '../../support/memoryFolder';
import { tinyJob, tinyPreprocessed, tinyTrainer, trainTiny } from '../../support/tinyTraining';

let npz: DatasetFolder;
let b2nd: ReturnType<typeof memoryFolder>;
beforeAll(async () => {
  npz = await tinyPreprocessed();
  b2nd = memoryFolder();
  await tinyPreprocessed(undefined, b2nd);
  await withCasesAsB2nd(b2nd);
});

const optionsOf = (preprocessed: DatasetFolder, configurationName = '3d_fullres') =>
  ({ preprocessed, plansName: 'nnUNetPlans', configurationName, fold: 0 }) as const;

/** The folder with some files added, or taken away where their content is left out. */
async function changed(files: Readonly<Record<string, Uint8Array | undefined>>): Promise<DatasetFolder> {
  const folder = memoryFolder();
  for (const [path, content] of b2nd.contents) await folder.write(path, content);
  for (const [path, content] of Object.entries(files)) {
    await (content ? folder.write(path, content) : folder.remove(path));
  }
  return folder;
}

describe('a fold of .b2nd cases', () => {
  test('gives patches that are slices of the whole case', async () => {
    const setup = await openFold(optionsOf(b2nd));
    const caseId = setup.caseIds[1];
    const [files, memory] = [await openCaseInFiles(setup, caseId), await openCaseInMemory(setup, caseId)];
    expect(files.shape).toEqual(memory.shape);
    expect(files.classLocations).toEqual(memory.classLocations);
    expect(files.sizeInBytes).toBeLessThan(memory.sizeInBytes);
    const random = keyedRandom(5);
    const draw = (from: number, to: number) => from + integerBelow(random, to - from);
    for (let i = 0; i < 40; i++) {
      const size: Zyx = [draw(1, 12), draw(1, 12), draw(1, 12)];
      const start: Zyx = [draw(-12, 10), draw(-12, 12), draw(-12, 14)];
      expect(await files.cut(start, size)).toEqual(await memory.cut(start, size));
    }
  });

  test('is measured by its arrays', async () => {
    const setup = await openFold(optionsOf(b2nd));
    // Two channels of float32 and a segmentation of int16, 8 × 10 × 12 voxels.
    const bytes = setup.caseIds.length * 960 * 10;
    expect(await exceedsMemory(setup, bytes - 1)).toBe(true);
    expect(await exceedsMemory(setup, bytes)).toBe(false);
  });

  test.for([
    ['in memory', 1e9],
    ['in files', 1],
  ] as const)(
    '%s trains to the same weights as .npz, and writes nothing beside it',
    async ([, cacheBytes], { gpu }) => {
      const trainer = tinyTrainer('nnUNetTrainer', 1);
      const before = [...b2nd.contents.keys()];
      const { state } = await trainTiny(gpu, { preprocessed: b2nd, trainer, cacheBytes });
      const expected = await trainTiny(gpu, { preprocessed: npz, trainer });
      for (const [name, { data }] of expected.state.weights) {
        expect(state.weights.get(name)?.data, name).toEqual(data);
      }
      expect([...b2nd.contents.keys()]).toEqual(before);
    },
  );

  test('is validated, and leaves the next stage its segmentations in that format, which it trains from', async ({
    gpu,
  }) => {
    const lowres = memoryFolder();
    const all = { preprocessed: b2nd, trainer: tinyTrainer('nnUNetTrainer', 1), fold: 'all' } as const;
    await validate(await tinyJob(gpu, { ...all, configurationName: '3d_lowres', results: lowres }));
    const below = memoryFolder();
    for (const [name, content] of lowres.contents) {
      const own = /^predicted_next_stage\/3d_cascade_fullres\/(.*)$/.exec(name);
      if (own) await below.write(own[1], content);
    }
    expect([...below.contents.keys()].sort()).toEqual(Array.from({ length: 6 }, (_, i) => `case_${i}.b2nd`));
    const cascade = {
      ...all,
      fold: 0,
      configurationName: '3d_cascade_fullres',
      previousStage: () => below,
    } as const;
    const job = await tinyJob(gpu, cascade);
    const [files, memory] = [openCaseInFiles, openCaseInMemory].map((open) => open(job.setup, 'case_1'));
    const place = [
      [-1, 2, 3],
      [5, 6, 7],
    ] as const;
    expect(await (await files).cut(...place)).toEqual(await (await memory).cut(...place));
    expect((await validate(job)).cases).toHaveLength(job.setup.split.val.length);
  });

  test('takes what an earlier stage left as .npz', async ({ gpu }) => {
    const lowres = memoryFolder();
    const all = { preprocessed: npz, trainer: tinyTrainer('nnUNetTrainer', 1), fold: 'all' } as const;
    await validate(await tinyJob(gpu, { ...all, configurationName: '3d_lowres', results: lowres }));
    const below: DatasetFolder = {
      ...lowres,
      open: (path) => lowres.open(`predicted_next_stage/3d_cascade_fullres/${path}`),
    };
    const setup = await openFold({ ...optionsOf(b2nd, '3d_cascade_fullres'), previousStage: () => below });
    const patch = await (await openCaseInMemory(setup, 'case_1')).cut([0, 0, 0], [4, 4, 4]);
    expect(patch.labels.channels).toBe(2);
  });
});

async function validate(job: TrainFoldRequest) {
  const { state } = await trainFold(job);
  return validateFold({
    ...job,
    mirrorAxes: networkOfFold(job.setup, job.trainer).augmentation.training.mirrorAxes,
    loadWeights: async () => state.weights,
    shouldSaveProbabilities: false,
    nameOf: (where, name) => `/${where}/${name}`,
  });
}

describe('what is refused', () => {
  const below = 'nnUNetPlans_3d_fullres';

  test('cases in two formats, as by nnU-Net', async () => {
    const folder = await changed({ [`${below}/case_9.npz`]: new Uint8Array(3) });
    await expect(openFold(optionsOf(folder))).rejects.toMatchObject({
      name: 'MixedCaseFormats',
      message: expect.stringMatching(/^nnUNetPlans_3d_fullres holds .* as \.b2nd and as \.npz/),
    });
  });

  test('a case without its segmentation', async () => {
    const setup = await openFold(optionsOf(await changed({ [`${below}/case_1_seg.b2nd`]: undefined })));
    await expect(openCaseInMemory(setup, 'case_1')).rejects.toMatchObject({
      name: 'NotPreprocessed',
      message: expect.stringMatching(
        /lacks files of case_1: it needs \.b2nd, _seg\.b2nd, \.pkl or \.npz, \.pkl/,
      ),
    });
  });

  test('a damaged file, by its name', async () => {
    const whole = b2nd.contents.get(`${below}/case_1.b2nd`) ?? new Uint8Array();
    const folder = await changed({ [`${below}/case_1.b2nd`]: whole.subarray(0, whole.length - 50) });
    const setup = await openFold(optionsOf(folder));
    await expect(openCaseInFiles(setup, 'case_1')).rejects.toMatchObject({
      name: 'BadB2nd',
      message: expect.stringMatching(/^nnUNetPlans_3d_fullres\/case_1\.b2nd is cut off/),
    });
  });

  test('segmentations of another shape', async () => {
    const other = b2nd.contents.get('nnUNetPlans_3d_lowres/case_1_seg.b2nd');
    const setup = await openFold(optionsOf(await changed({ [`${below}/case_1_seg.b2nd`]: other })));
    for (const open of [openCaseInFiles, openCaseInMemory]) {
      await expect(open(setup, 'case_1')).rejects.toMatchObject({ name: 'BadPreparedCase' });
    }
  });
});
