// Both stages of a cascade through the library. The models are tiny ones of our own.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Device, importModel, openDevice, predict, predictFolder } from '@/library/library';
import { cascadePlansJson, modelFolderFiles, TINY_FOLDER } from '../support/modelFolder';
import { tinyImage } from '../support/tinyCases';

const LOWRES = 'nnUNetTrainer__nnUNetPlans__3d_lowres';
const CASCADE = 'nnUNetTrainer__nnUNetPlans__3d_cascade_fullres';

let root: string;
let device: Device;
const at = (...parts: string[]) => path.join(root, ...parts);
const read = (...parts: string[]) => readFileSync(at(...parts), 'base64');

beforeAll(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'nnstudio-library-cascade-'));
  const plans = cascadePlansJson();
  const cascade = { plans, configuration: '3d_cascade_fullres' };
  const files = [
    ...modelFolderFiles({ folder: `both/${LOWRES}`, plans, configuration: '3d_lowres' }),
    ...modelFolderFiles({ folder: `both/${CASCADE}`, ...cascade }),
    ...modelFolderFiles({ folder: `alone/${CASCADE}`, ...cascade }),
    ...modelFolderFiles({ folder: `plain/${TINY_FOLDER}` }),
  ];
  for (const file of files) {
    mkdirSync(path.dirname(at(file.path)), { recursive: true });
    writeFileSync(at(file.path), await file.bytes());
  }
  mkdirSync(at('images'));
  writeFileSync(at('images/case_0000.nii.gz'), tinyImage(1));
  device = await openDevice();
}, 60_000);

afterAll(() => {
  device.close();
  rmSync(root, { recursive: true, force: true });
});

test('the first stage runs first, in memory as in files', { timeout: 120_000 }, async () => {
  const options = { device, mirroring: false };
  const lowres = await importModel(at('both', LOWRES));
  const model = await importModel(at('both', CASCADE));
  await predictFolder(lowres, at('images'), at('lowres'), options);
  const cases: string[] = [];
  const onCase = ({ caseId }: { readonly caseId: string }) => cases.push(caseId);
  await predictFolder(model, at('images'), at('out'), { ...options, onCase });
  expect(cases).toEqual(['case']);
  expect(read('out/3d_lowres/case.nii.gz')).toBe(read('lowres/case.nii.gz'));

  await predictFolder(model, at('images'), at('given'), { ...options, previousStage: at('lowres') });
  expect(read('given/case.nii.gz')).toBe(read('out/case.nii.gz'));

  const segmentation = await predict(model, at('images'), options);
  await segmentation.save(at('one.nii.gz'));
  expect(read('one.nii.gz')).toBe(read('out/case.nii.gz'));
});

test('a second stage without its first says what is missing', async () => {
  const alone = await importModel(at('alone', CASCADE));
  await expect(predict(alone, at('images'), { device })).rejects.toMatchObject({
    name: 'NeedsPreviousStage',
  });
  const plain = await importModel(at('plain', TINY_FOLDER));
  await expect(
    predictFolder(plain, at('images'), at('x'), { device, previousStage: at('images') }),
  ).rejects.toMatchObject({ name: 'NoPreviousStage' });
});
