import { describe, expect, test } from 'vitest';
import { checkIntegrity, type IntegrityReport } from '@/core/dataset/integrity';
import { openRawDataset } from '@/core/dataset/rawDataset';
import { isAbort, messageOf, StudioError } from '@/shared/errors';
import { seededRandom } from '@/shared/random';
import {
  type DatasetContents,
  filesOf,
  jsonBytes,
  labelValues,
  TINY_JSON,
  tinyDataset,
  tinyImage,
  tinyLabels,
} from '../../support/tinyDataset';

async function check(contents: DatasetContents): Promise<IntegrityReport> {
  return checkIntegrity(await openRawDataset(filesOf(contents)));
}

/** Every error's text; what could not even be opened is one error. */
async function errorsOf(contents: DatasetContents): Promise<readonly string[]> {
  try {
    const report = await check(contents);
    const findings = [...report.findings, ...report.cases.flatMap((each) => each.findings)];
    const errors = findings.filter(({ severity }) => severity === 'error').map(({ message }) => message);
    expect(report.isTrainable).toBe(errors.length === 0);
    return errors;
  } catch (error) {
    expect(error).toBeInstanceOf(StudioError);
    return [messageOf(error)];
  }
}

const changed = (contents: DatasetContents, path: string, content: Uint8Array) => contents.set(path, content);

/** Each way breaks a case or dataset.json, and says what the message must name. */
const BREAKAGES: Readonly<
  Record<string, (contents: DatasetContents, caseId: string, random: () => number) => RegExp>
> = {
  'a label map is missing': (contents, caseId) => {
    contents.delete(`labelsTr/${caseId}.nii`);
    return new RegExp(`${caseId}: .*labelsTr/${caseId}.nii is missing. Add`);
  },
  'a channel is missing': (contents, caseId) => {
    contents.delete(`imagesTr/${caseId}_0001.nii`);
    return new RegExp(`${caseId}: 1 channel.*names 2 .*Add or remove`);
  },
  'the first channel is missing': (contents, caseId) => {
    contents.delete(`imagesTr/${caseId}_0000.nii`);
    return new RegExp(`${caseId}: its channel files are numbered 0001.*add the missing file`);
  },
  'the label map has another shape': (contents, caseId) => {
    changed(contents, `labelsTr/${caseId}.nii`, tinyLabels({ dim: [12, 10, 7] }));
    return new RegExp(`${caseId}: the image is 8 × 10 × 12 voxels .* its label map 7 × 10 × 12 .*Export`);
  },
  'channels differ in shape': (contents, caseId) => {
    changed(
      contents,
      `imagesTr/${caseId}_0001.nii`,
      tinyImage(1, { dim: [12, 10, 9], values: new Float32Array(1080) }),
    );
    return new RegExp(`${caseId}: .*${caseId}_0001.nii is 9 × 10 × 12 .*Resample`);
  },
  'the label map has another voxel size': (contents, caseId) => {
    changed(contents, `labelsTr/${caseId}.nii`, tinyLabels({ pixdim: [1, 1, 2.5] }));
    return new RegExp(`${caseId}: voxels of the image are 2 × 1 × 1 mm .* 2.5 × 1 × 1 mm .*Write the same`);
  },
  'a label is not declared': (contents, caseId, random) => {
    const values = labelValues();
    const stray = 3 + Math.floor(random() * 200);
    values[Math.floor(random() * values.length)] = stray;
    changed(contents, `labelsTr/${caseId}.nii`, tinyLabels({ values }));
    return new RegExp(
      `${caseId}: .*holds the values ${stray}, which dataset.json does not declare .*Correct`,
    );
  },
  'a label is no whole number': (contents, caseId) => {
    const values = Float32Array.from(labelValues());
    values[5] = 1.5;
    changed(contents, `labelsTr/${caseId}.nii`, tinyLabels({ values, type: 'float32' }));
    return new RegExp(`${caseId}: .*holds the values 1.5`);
  },
  'the image holds NaN': (contents, caseId, random) => {
    const values = new Float32Array(960).fill(1);
    values[Math.floor(random() * 960)] = Number.NaN;
    changed(contents, `imagesTr/${caseId}_0000.nii`, tinyImage(1, { values }));
    return new RegExp(`${caseId}: .*${caseId}_0000.nii: 1 voxel is NaN.*Replace`);
  },
  'the label map holds NaN': (contents, caseId) => {
    const values = Float32Array.from(labelValues());
    values[7] = Number.NaN;
    changed(contents, `labelsTr/${caseId}.nii`, tinyLabels({ values, type: 'float32' }));
    return new RegExp(`${caseId}: .*labelsTr/${caseId}.nii: 1 voxel is NaN.*Replace`);
  },
  'a file is cut short': (contents, caseId, random) => {
    const whole = tinyImage(1);
    changed(contents, `imagesTr/${caseId}_0000.nii`, whole.slice(0, 400 + Math.floor(random() * 3000)));
    return new RegExp(`${caseId}: .*${caseId}_0000.nii`);
  },
  'a file is empty': (contents, caseId) => {
    changed(contents, `labelsTr/${caseId}.nii`, new Uint8Array(0));
    return new RegExp(`${caseId}: .*labelsTr/${caseId}.nii`);
  },
  'a file is something else': (contents, caseId, random) => {
    const noise = Uint8Array.from({ length: 2000 }, () => Math.floor(random() * 256));
    changed(contents, `imagesTr/${caseId}_0001.nii`, noise);
    return new RegExp(`${caseId}: .*${caseId}_0001.nii`);
  },
  'two cases differ in capitals only': (contents, caseId) => {
    for (const [path, content] of [...contents]) {
      if (path.includes(caseId)) contents.set(path.replace(caseId, caseId.toUpperCase()), content);
    }
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, numTraining: 7 }));
    return new RegExp(`${caseId}.*rename one`);
  },
  'a case is one too few': (contents, caseId) => {
    for (const path of [...contents.keys()]) if (path.includes(caseId)) contents.delete(path);
    return /numTraining 6, but there are 5 cases.*Correct the number/;
  },
  'dataset.json is no JSON': (contents) => {
    changed(contents, 'dataset.json', new TextEncoder().encode('{"labels": '));
    return /dataset.json is not valid JSON/;
  },
  'dataset.json lacks a key': (contents, _, random) => {
    const keys = ['labels', 'channel_names', 'numTraining', 'file_ending'];
    const lost = keys[Math.floor(random() * keys.length)];
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, [lost]: undefined }));
    return new RegExp(`dataset.json lacks ${lost}; it has .*Add`);
  },
  'dataset.json is missing': (contents) => {
    contents.delete('dataset.json');
    return /No dataset.json.*DatasetXXX_Name/;
  },
  'labels have a gap': (contents) => {
    changed(
      contents,
      'dataset.json',
      jsonBytes({ ...TINY_JSON, labels: { background: 0, organ: 1, lesion: 2, cyst: 4 } }),
    );
    return /labels must be 0, 1, 2, .*Renumber 4/;
  },
  'background is missing': (contents) => {
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, labels: { organ: 1, lesion: 2 } }));
    return /no background/;
  },
  'the ignore label is not the highest': (contents) => {
    const labels = { ...TINY_JSON.labels, ignore: 7 };
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, labels }));
    return /labels.ignore must be 3/;
  },
  'regions have no order': (contents) => {
    const labels = { background: 0, whole: [1, 2], lesion: 2 };
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, labels }));
    return /regions_class_order is missing/;
  },
  'the file ending is unknown': (contents) => {
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, file_ending: '.xyz' }));
    return /numTraining 6, but there are 0 cases/;
  },
  'labelsTr is missing': (contents) => {
    for (const path of [...contents.keys()]) if (path.startsWith('labelsTr')) contents.delete(path);
    return /labelsTr missing or empty/;
  },
};

test('a right dataset has nothing to report', async () => {
  const report = await check(tinyDataset());
  expect(report).toMatchObject({ isTrainable: true, findings: [], reader: 'NibabelIO' });
  expect(report.cases).toHaveLength(6);
  expect(report.cases[0]).toEqual({
    caseId: 'case_0',
    status: 'ok',
    findings: [],
    shape: [8, 10, 12],
    spacing: [2, 1, 1],
    channels: 2,
    labels: [0, 1, 2],
  });
});

describe('each fault is named with its case and remedy', () => {
  test.each(Object.keys(BREAKAGES))('%s', async (name) => {
    const contents = tinyDataset();
    const expected = BREAKAGES[name](contents, 'case_3', seededRandom(1).uniform);
    expect((await errorsOf(contents)).join('\n')).toMatch(expected);
  });
});

test('100 datasets with one to three faults each are all refused, and all faults are named', {
  timeout: 120_000,
}, async () => {
  const perCase = Object.keys(BREAKAGES).slice(0, 13);
  for (let seed = 0; seed < 100; seed++) {
    const random = seededRandom(seed).uniform;
    const contents = tinyDataset();
    const count = 1 + Math.floor(random() * 3);
    const caseIds = [0, 1, 2, 3, 4, 5].sort(() => random() - 0.5).map((i) => `case_${i}`);
    const isWhole = random() < 0.3;
    const names = isWhole
      ? [Object.keys(BREAKAGES)[Math.floor(random() * Object.keys(BREAKAGES).length)]]
      : Array.from({ length: count }, () => perCase[Math.floor(random() * perCase.length)]);
    const expected = names.map((name, i) => BREAKAGES[name](contents, caseIds[i], random));
    const errors = (await errorsOf(contents)).join('\n');
    for (const each of expected) expect(errors, `seed ${seed}: ${names}`).toMatch(each);
  }
});

test('what is only odd is a warning', async () => {
  const contents = tinyDataset();
  contents.set('labelsTr/case_0.nii', tinyLabels({ values: new Uint8Array(960) }));
  const sform = {
    code: 1,
    rows: [
      [1, 0, 0, 40],
      [0, 1, 0, 0],
      [0, 0, 2, 0],
    ],
  };
  contents.set('labelsTr/case_1.nii', tinyLabels({ sform }));
  contents.set('imagesTr/notes.txt', new Uint8Array(3));
  const report = await check(contents);
  expect(report.isTrainable).toBe(true);
  expect(report.findings.map(({ message }) => message).join()).toMatch(/notes.txt is not named case_0000/);
  expect(report.cases.slice(0, 3).map(({ status }) => status)).toEqual(['warning', 'warning', 'ok']);
});

test('a cancelled check stops', async () => {
  const controller = new AbortController();
  const dataset = await openRawDataset(filesOf(tinyDataset()));
  const checking = checkIntegrity(dataset, { signal: controller.signal, onCase: () => controller.abort() });
  await expect(checking).rejects.toSatisfy(isAbort);
});
