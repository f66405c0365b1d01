import { describe, expect, test } from 'vitest';
import { modelFit } from '@/app/segment/modelCompatibility';
import { estimateSeconds, passesOf, predictionCost } from '@/app/segment/predictionCost';
import { importModel } from '@/core/interop/importModel';
import type { NnunetModel } from '@/core/interop/model';
import type { CaseRecord, StoredImageFacts } from '@/storage/caseRecord';
import { modelFolderFiles } from '../../support/modelFolder';

const IMAGE: StoredImageFacts = {
  channels: 1,
  shape: [8, 30, 30],
  spacing: [3, 1, 1],
  orientation: 'RAS',
  voxelType: 'int16',
  sizeInBytes: 1,
};

async function tinyModel(): Promise<NnunetModel> {
  const [{ model }] = await importModel(modelFolderFiles({ folds: ['0', '1'] }));
  return model;
}

describe('whether a model fits an image', () => {
  test('it does when channels and spacing are as in training', async () => {
    expect(modelFit(await tinyModel(), IMAGE)).toEqual({ fits: true });
  });

  test('another number of channels does not, and the channels are named', async () => {
    expect(modelFit(await tinyModel(), { ...IMAGE, channels: 2 })).toEqual({
      fits: false,
      reason: 'It needs 1 channel: MRI (_0000). This image has 2.',
    });
  });

  test('a far coarser voxel fits with a caution', async () => {
    const fit = modelFit(await tinyModel(), { ...IMAGE, spacing: [3, 4, 1] });
    expect(fit).toMatchObject({ fits: true, caution: expect.stringContaining('1 × 4 × 3 mm') });
  });

  test('the caution has sizes as x, y, z of the image, however the plans transpose them', async () => {
    const model = await tinyModel();
    const plans = { ...model.plans, transposeForward: [2, 0, 1], transposeBackward: [1, 2, 0] } as const;
    // The network's axes are x, z, y.
    const configuration = { ...model.configuration, spacing: [5, 3, 1] };
    const image = { ...IMAGE, spacing: [3, 1, 0.75] } as const;
    expect(modelFit({ ...model, plans, configuration }, image)).toEqual({
      fits: true,
      caution: 'Its voxels are 0.75 × 1 × 3 mm; the model was trained at 5 × 1 × 3 mm.',
    });
    const slices = { ...configuration, patchSize: [16, 16], spacing: [12, 1] };
    expect(modelFit({ ...model, plans, configuration: slices }, image)).toEqual({
      fits: true,
      caution: 'Its voxels are 1 × 3 mm; the model was trained at 1 × 12 mm.',
    });
  });

  test('a picture fits models of pictures and slices alone, and theirs no volume', async () => {
    const volumes = await tinyModel();
    const picture: StoredImageFacts = {
      ...IMAGE,
      shape: [1, 512, 512],
      spacing: [999, 1, 1],
      orientation: undefined,
    };
    expect(modelFit(volumes, picture)).toMatchObject({
      fits: false,
      reason: expect.stringContaining('3D model'),
    });
    const configuration = { ...volumes.configuration, patchSize: [16, 16], spacing: [1, 1] };
    const slices = { ...volumes, configuration };
    expect(modelFit(slices, picture)).toEqual({ fits: true });
    expect(modelFit(slices, IMAGE)).toEqual({ fits: true });
    const pictures = { ...slices, plans: { ...slices.plans, imageReaderWriter: 'NaturalImage2DIO' } };
    expect(modelFit(pictures, picture)).toEqual({ fits: true });
    expect(modelFit(pictures, IMAGE)).toMatchObject({
      fits: false,
      reason: expect.stringContaining('a volume of 8 slices'),
    });
    // A slice of a patient keeps its place, and a 3D model may be tried on it.
    expect(modelFit(volumes, { ...IMAGE, shape: [1, 30, 30] })).toEqual({ fits: true });
  });

  test('a second stage of a cascade does where its first stage is at hand', async () => {
    const model = await tinyModel();
    const second = { ...model, configuration: { ...model.configuration, previousStage: '3d_lowres' } };
    const first = { ...model, configuration: { ...model.configuration, name: '3d_lowres' } };
    expect(modelFit(second, IMAGE, [second, first])).toEqual({ fits: true });
    const reason = expect.stringContaining('add the 3d_lowres model');
    const lacking = { fits: false, reason, lacksStage: true };
    expect(modelFit(second, IMAGE)).toEqual(lacking);
    for (const other of [
      { ...first, datasetName: 'Dataset002_Other' },
      { ...first, plans: { ...first.plans, plansName: 'otherPlans' } },
      { ...first, labels: { ...first.labels, allLabels: [0, 1] } },
    ])
      expect(modelFit(second, IMAGE, [second, other])).toEqual(lacking);
  });
});

describe('what a prediction costs', () => {
  test('is windows × folds × mirrorings', async () => {
    const model = await tinyModel();
    // Patch 4 × 16 × 16 on 8 × 30 × 30 at half steps: 3 × 3 × 3 windows.
    const cost = predictionCost(model, IMAGE, { folds: ['0', '1'], tileStepSize: 0.5, useMirroring: true });
    expect(cost).toEqual({ windows: 27, folds: 2, mirrorings: 8, passes: 432 });
    const plain = predictionCost(model, IMAGE, { folds: ['0'], tileStepSize: 1, useMirroring: false });
    expect(plain.passes).toBe(2 * 2 * 2);
  });

  test('counts the windows of the resampled image', async () => {
    const model = await tinyModel();
    const settings = { folds: ['0'], tileStepSize: 1, useMirroring: false };
    const finer = { ...IMAGE, shape: [16, 60, 60], spacing: [1.5, 0.5, 0.5] } as const;
    expect(predictionCost(model, finer, settings).windows).toBe(
      predictionCost(model, IMAGE, settings).windows,
    );
  });

  test('time is told from the newest case of the same model', async () => {
    const model = await tinyModel();
    const settings = {
      folds: ['0'],
      tileStepSize: 0.5,
      useGaussian: true,
      useMirroring: false,
      saveProbabilities: false,
    };
    const job = { modelId: 'm', modelName: 'Tiny', settings };
    const finished: CaseRecord = {
      id: 'a',
      caseId: 'a',
      files: [],
      image: IMAGE,
      addedAt: 0,
      run: { status: 'done', job },
      result: {
        job,
        labels: [],
        hasProbabilities: false,
        seconds: 30,
        secondsByStage: { network: 27 },
        memory: { plannedBytes: 0, peakBytes: 0 },
        warnings: [],
        restarts: 0,
        finishedAt: 1,
      },
    };
    const passes = passesOf(model, IMAGE, { ...settings, useMirroring: true });
    expect(estimateSeconds(passes, model, 'm', [finished])).toBeCloseTo(3 + 8 * 27);
    expect(estimateSeconds(passes, model, 'other', [finished])).toBeUndefined();
  });

  test('of a cascade is that of both stages', async () => {
    const model = await tinyModel();
    const settings = { folds: ['0', '1'], tileStepSize: 0.5, useMirroring: true };
    const first = { model, folds: ['0'] };
    expect(passesOf(model, IMAGE, settings, first)).toBe(432 + 216);
  });
});
