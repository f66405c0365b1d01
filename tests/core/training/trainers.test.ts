import { describe, expect, test } from 'vitest';
import {
  stockTrainerName,
  TRAINER_NAMES,
  trainerNamed,
  trainerNameOf,
  trainerNameWithEpochs,
  trainersByGroup,
} from '@/core/training/trainers';
import { labelSet } from '../../support/labels';

const LABELS = labelSet({ background: 0, organ: 1, lesion: 2 }, undefined);
const REGIONS = labelSet({ background: 0, whole: [1, 2], core: 2 }, [1, 2]);

describe('trainers by name', () => {
  test('the default is nnU-Net’s', () => {
    expect(trainerNamed('nnUNetTrainer')).toMatchObject({
      schedule: { epochs: 1000, iterationsPerEpoch: 250, validationIterationsPerEpoch: 50 },
      optimiser: { kind: 'sgd', momentum: 0.99, isNesterov: true, weightDecay: 3e-5 },
      initialLearningRate: 0.01,
      usesDeepSupervision: true,
    });
  });

  test('every name makes a trainer whose losses take labels', () => {
    for (const name of TRAINER_NAMES) {
      const trainer = trainerNamed(name);
      expect(trainer.name).toBe(name);
      expect(trainer.loss({ labels: LABELS, batchDice: true }).target.kind, name).toBe('labels');
    }
  });

  test('every trainer is in the choices once, with a sentence of its own', () => {
    const listed = trainersByGroup().flatMap(({ names }) => names);
    expect(listed.toSorted()).toEqual([...TRAINER_NAMES].sort());
    const sentences = TRAINER_NAMES.map((name) => trainerNamed(name).summary);
    for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z].*\.$/);
    expect(new Set(sentences).size).toBe(TRAINER_NAMES.length);
  });

  test('a name with a length has the sentence of its variant', () => {
    expect(trainerNamed('nnUNetTrainerDiceLoss_30epochs').summary).toBe('Dice alone.');
  });

  test('any of them may be as long as wanted', () => {
    expect(trainerNamed('nnUNetTrainer_37epochs').schedule.epochs).toBe(37);
    expect(trainerNamed('nnUNetTrainer_1epoch').schedule.epochs).toBe(1);
    const adam = trainerNamed('nnUNetTrainerAdam1en3_30epochs');
    expect(adam).toMatchObject({ initialLearningRate: 1e-3, schedule: { epochs: 30 } });
    expect(trainerNamed('nnUNetTrainer_250epochs_NoMirroring').augmentation).toEqual({ mirroring: 'none' });
    expect(() => trainerNamed('nnUNetTrainer_0epochs')).toThrow('no trainer');
  });

  test('the classes that go to a cluster are trainers, too', () => {
    expect(trainerNamed('nnUNetTrainer_10epochs_10epochs_20iterations').schedule).toEqual({
      epochs: 10,
      iterationsPerEpoch: 20,
      validationIterationsPerEpoch: 50,
    });
    expect(trainerNamed('nnUNetTrainer_10epochs_20iterations_4val').schedule).toEqual({
      epochs: 10,
      iterationsPerEpoch: 20,
      validationIterationsPerEpoch: 4,
    });
    const other = trainerNamed('nnUNetTrainerAdam_5epochs_7epochs_9iterations_NoMirroring');
    expect(other).toMatchObject({
      schedule: { epochs: 7, iterationsPerEpoch: 9 },
      optimiser: { kind: 'adamW' },
      augmentation: { mirroring: 'none' },
    });
    for (const name of ['nnUNetTrainer_0iterations', 'nnUNetTrainer_20iterationss', 'Other_20iterations']) {
      expect(() => trainerNamed(name), name).toThrow('no trainer');
    }
  });

  test('the name of a class tells its schedule', () => {
    for (const [name, schedule, expected] of [
      ['nnUNetTrainer_10epochs', [10, 20, 50], 'nnUNetTrainer_10epochs_20iterations'],
      ['nnUNetTrainer', [1000, 20, 4], 'nnUNetTrainer_1000epochs_20iterations_4val'],
      ['nnUNetTrainerDA5_7epochs', [7, 250, 50], 'nnUNetTrainerDA5_7epochs'],
      ['nnUNetTrainer_250epochs_NoMirroring', [8, 9, 50], 'nnUNetTrainer_8epochs_9iterations_NoMirroring'],
    ] as const) {
      const [epochs, iterationsPerEpoch, validationIterationsPerEpoch] = schedule;
      const asked = { epochs, iterationsPerEpoch, validationIterationsPerEpoch };
      expect(trainerNameOf(name, asked)).toBe(expected);
      expect(trainerNamed(expected).schedule).toEqual(asked);
    }
  });

  test('a trainer of another length keeps all else of its name', () => {
    expect(trainerNameWithEpochs('nnUNetTrainer_30epochs', 50)).toBe('nnUNetTrainer_50epochs');
    expect(trainerNameWithEpochs('nnUNetTrainerDA5_30epochs', 1000)).toBe('nnUNetTrainerDA5');
    expect(trainerNameWithEpochs('nnUNetTrainer_onlyMirror01_1500ep', 9)).toBe(
      'nnUNetTrainer_onlyMirror01_1500ep_9epochs',
    );
    expect(trainerNameWithEpochs('nnUNetTrainer_250epochs_NoMirroring', 7)).toBe(
      'nnUNetTrainer_7epochs_NoMirroring',
    );
  });

  test('those that stay outside are named as such, with what to do', () => {
    for (const name of [
      ...['nnUNet_Primus_M_Trainer', 'nnUNet_Primus_M_Trainer_BS8_2e4', 'nnUNet_PrimusV2S_Trainer'],
      ...['nnUNet_PrimusV3L_Trainer', '_Primus_S_96_BS1', 'AbstractPrimus'],
    ]) {
      expect(() => trainerNamed(name), name).toThrow(/transformer.*nnUNetv2_train/);
    }
    for (const name of [
      ...['PretrainedTrainer', 'PretrainedTrainer_150ep', 'PretrainedTrainer_Primusx_30ep'],
      ...['DynamicPretrainedTrainer_adam_150ep', 'PretrainedTrainer_adam__nomirroring'],
    ]) {
      expect(() => trainerNamed(name), name).toThrow(/nnssl pretrained.*nnUNetv2_train/);
    }
  });

  test('an unknown one tells which look like it', () => {
    expect(() => trainerNamed('nnUNetTrainerAdm')).toThrow('nnUNetTrainerAdam');
    expect(() => trainerNamed('toString')).toThrow('no trainer toString');
  });

  test('losses without regions say so', () => {
    for (const name of ['nnUNetTrainerCELoss', 'nnUNetTrainerTopk10Loss', 'nnUNetTrainerDiceTopK10Loss']) {
      expect(() => trainerNamed(name).loss({ labels: REGIONS, batchDice: true }), name).toThrow('regions');
    }
    const dice = trainerNamed('nnUNetTrainerDiceLoss').loss({ labels: REGIONS, batchDice: false });
    expect(dice).toMatchObject({ crossEntropyWeight: 0, doBackground: true, target: { kind: 'regions' } });
  });

  test('checkpoints name a class that stock nnU-Net has', () => {
    for (const name of [
      ...TRAINER_NAMES,
      'nnUNetTrainer_1epoch',
      'nnUNetTrainer_250epochs',
      'nnUNetTrainerDA5_10epochs',
    ]) {
      expect(stockTrainerName(name)).toBe(name);
    }
    expect(stockTrainerName('nnUNetTrainer_37epochs')).toBe('nnUNetTrainer');
    expect(stockTrainerName('nnUNetTrainer_1epochs')).toBe('nnUNetTrainer');
    expect(stockTrainerName('nnUNetTrainerAdam1en3_30epochs')).toBe('nnUNetTrainerAdam1en3');
    expect(stockTrainerName('nnUNetTrainer_100epochs_NoMirroring')).toBe('nnUNetTrainer');
  });
});

describe('learning rates', () => {
  const rate = (name: string, epoch: number) => {
    const { learningRate, initialLearningRate, schedule } = trainerNamed(name);
    return learningRate(initialLearningRate, epoch, schedule.epochs);
  };

  test('poly', () => {
    expect(rate('nnUNetTrainer', 0)).toBe(0.01);
    expect(rate('nnUNetTrainer', 999)).toBeCloseTo(1.995e-5, 8);
  });

  test('half a cosine', () => {
    expect(rate('nnUNetTrainerCosAnneal', 0)).toBe(0.01);
    expect(rate('nnUNetTrainerCosAnneal', 500)).toBeCloseTo(0.005, 12);
    expect(rate('nnUNetTrainerCosAnneal', 250)).toBeCloseTo(0.01 * (0.5 + Math.SQRT1_2 / 2), 12);
  });

  test('warm-up, then poly over the rest', () => {
    expect(rate('nnUNetTrainer_warmup', 0)).toBeCloseTo(0.0002, 12);
    expect(rate('nnUNetTrainer_warmup', 49)).toBeCloseTo(0.01, 12);
    expect(rate('nnUNetTrainer_warmup', 50)).toBe(0.01);
    expect(rate('nnUNetTrainer_warmup', 525)).toBeCloseTo(0.01 * 0.5 ** 0.9, 12);
  });
});
