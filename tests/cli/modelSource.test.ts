// Which model -m, -tr, -p, -c and -chk name.
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MODEL_OPTIONS, openModel } from '@/cli/modelSource';
import { parseOptions } from '@/cli/options';
import { writeZip } from '@/core/io/zipStream';
import { modelFolderFiles } from '../support/modelFolder';

let root = '';
const at = (...parts: string[]) => path.join(root, ...parts);
const opened = async (line: string) =>
  (await openModel(parseOptions(line.split(' '), MODEL_OPTIONS))).imported;

const DATASET = 'Dataset001_Tiny';
const TRAINERS = ['nnUNetTrainer', 'nnUNetTrainer_100epochs', 'nnUNetTrainerDA5_7epochs'];
const folderOf = (trainer: string) => `results/${DATASET}/${trainer}__nnUNetPlans__3d_fullres`;

beforeAll(async () => {
  root = mkdtempSync(path.join(os.tmpdir(), 'nnstudio-models-'));
  const entries = [];
  for (const trainer of TRAINERS) {
    for (const file of modelFolderFiles({ folder: folderOf(trainer), folds: ['0', '1'] })) {
      entries.push({ path: file.path, content: await file.bytes() });
    }
  }
  for (const file of modelFolderFiles({ folder: 'm', folds: ['0', '1'] })) {
    mkdirSync(path.dirname(at(file.path)), { recursive: true });
    writeFileSync(at(file.path), await file.bytes());
  }
  writeFileSync(at('three.zip'), writeZip(entries));
  writeFileSync(at('one.zip'), writeZip(entries.filter((entry) => entry.path.includes('_100epochs__'))));
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('of three trainers in a zip, below one folder more', () => {
  test.each(TRAINERS)('-tr %s chooses, and so does its folder', async (trainer) => {
    const origin = `three.zip/${folderOf(trainer)}`;
    expect((await opened(`-m ${at('three.zip')} -c 3d_fullres -tr ${trainer}`)).origin).toBe(origin);
    expect((await opened(`-m ${at('three.zip', folderOf(trainer))}`)).origin).toBe(origin);
  });

  test('what does not tell them apart names them and the options', async () => {
    for (const line of ['', ' -c 3d_fullres', ' -p nnUNetPlans']) {
      await expect(opened(`-m ${at('three.zip')}${line}`)).rejects.toThrow(
        /several models: .*nnUNetTrainer_100epochs__.*-tr/,
      );
    }
  });

  test('what is not there names what is', async () => {
    await expect(opened(`-m ${at('three.zip')} -tr nnUNetTrainerBN`)).rejects.toThrow(
      /No model of trainer nnUNetTrainerBN; there is .*nnUNetTrainer_100epochs__/,
    );
    await expect(opened(`-m ${at('three.zip')} -tr nnUNetTrainer -p other`)).rejects.toThrow('plans other');
    await expect(opened(`-m ${at('three.zip', 'nowhere')}`)).rejects.toThrow(
      /three\.zip has no folder nowhere\. Its models are three\.zip\/results/,
    );
    await expect(opened(`-m ${at('missing.zip', 'inside')}`)).rejects.toThrow('does not exist');
  });

  test('a trainer of another length keeps its name', async () => {
    const { model } = await opened(`-m ${at('one.zip')}`);
    expect(model.trainerName).toBe('nnUNetTrainer_100epochs');
  });
});

describe('-chk', () => {
  const NAMES = ['model_ep500.pth', 'epoch_0250.pth', 'best.pth'];
  const usedBy = async (line: string) => {
    const { model, files } = await opened(line);
    const paths = files.map((file) => file.path).filter((each) => each.startsWith('fold_'));
    return {
      folds: model.folds.map(({ fold, checkpointName }) => `${fold}:${checkpointName}`),
      paths: paths.filter((each) => !each.includes('validation')),
    };
  };

  beforeAll(() => {
    for (const fold of ['fold_0', 'fold_1']) {
      for (const name of [...NAMES, 'weights'])
        cpSync(at('m', fold, 'checkpoint_final.pth'), at('m', fold, name));
    }
    cpSync(at('m'), at('odd'), { recursive: true });
    rmSync(at('odd/fold_0/checkpoint_final.pth'));
    rmSync(at('odd/fold_1'), { recursive: true });
    cpSync(at('m/fold_0/best.pth'), at('elsewhere.pth'));
    mkdirSync(at('lone'), { recursive: true });
    cpSync(at('m'), at('lone'), { recursive: true });
    rmSync(at('lone/fold_1'), { recursive: true });
    rmSync(at('lone/fold_0'), { recursive: true });
    mkdirSync(at('lone/fold_0'));
    renameSync(at('odd/fold_0/best.pth'), at('lone/fold_0/model_last.pth'));
  });

  test.each([...NAMES, 'weights', 'epoch_0250', 'checkpoint_final'])(
    '%s is a file of each fold',
    async (name) => {
      const full = /\.|weights/.test(name) ? name : `${name}.pth`;
      expect(await usedBy(`-m ${at('m')} -chk ${name}`)).toEqual({
        folds: [`0:${full}`, `1:${full}`],
        paths: [`fold_0/${full}`, `fold_1/${full}`],
      });
    },
  );

  test('a path tells the fold, or -f does', async () => {
    for (const name of ['fold_1/best.pth', at('m/fold_1/best.pth'), 'fold_1/best']) {
      expect((await usedBy(`-m ${at('m')} -chk ${name}`)).folds).toEqual(['1:best.pth']);
    }
    expect((await usedBy(`-m ${at('m')} -f 0 -chk fold_1/best.pth`)).folds).toEqual(['0:best.pth']);
  });

  test('a file elsewhere stands for the checkpoint of a fold', async () => {
    const { folds, paths } = await usedBy(`-m ${at('m')} -chk ${at('elsewhere.pth')}`);
    expect([folds, paths]).toEqual([['0:elsewhere.pth'], ['fold_0/elsewhere.pth']]);
    const inZip = await usedBy(`-m ${at('one.zip')} -f 1 -chk ${at('elsewhere.pth')}`);
    expect(inZip.folds).toEqual(['1:elsewhere.pth']);
    await expect(opened(`-m ${at('three.zip')} -chk ${at('elsewhere.pth')}`)).rejects.toThrow('3 of them');
  });

  test('one that is not there names those that are', async () => {
    await expect(opened(`-m ${at('m')} -chk epoch_7`)).rejects.toThrow(
      /no fold with epoch_7; it has .*fold_0\/epoch_0250\.pth/,
    );
  });

  test('where there are only others, one is taken and several have to be named', async () => {
    expect((await usedBy(`-m ${at('lone')}`)).folds).toEqual(['0:model_last.pth']);
    await expect(opened(`-m ${at('odd')}`)).rejects.toThrow(
      /no checkpoint_final\.pth; it has fold_0\/epoch_0250\.pth.*with -chk/,
    );
  });
});
