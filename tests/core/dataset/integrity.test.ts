import { describe, expect, test } from 'vitest';
import { checkIntegrity, type IntegrityReport } from '@/core/dataset/integrity';
import { openRawDataset } from '@/core/dataset/rawDataset';
import { isAbort, messageOf, StudioError } from '@/shared/errors';
import { seededRandom } from '@/shared/random';
import { BREAKAGES } from '../../support/brokenDatasets';
import { type DatasetContents, filesOf, tinyDataset, tinyLabels } from '../../support/tinyDataset';

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
