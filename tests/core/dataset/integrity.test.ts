import { describe, expect, test } from 'vitest';
import { checkIntegrity, type IntegrityReport } from '@/core/dataset/integrity';
import { openRawDataset } from '@/core/dataset/rawDataset';
import { isAbort, messageOf, StudioError } from '@/shared/errors';
import { seededRandom } from '@/shared/random';
import { BREAKAGES } from '../../support/brokenDatasets';
import {
  type DatasetContents,
  filesOf,
  jsonBytes,
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

function messages({ findings, cases }: IntegrityReport): string {
  return [...findings, ...cases.flatMap((each) => each.findings)].map(({ message }) => message).join('\n');
}

test('the number of a case at the end of its name is the channel: what to rename', async () => {
  const contents: DatasetContents = new Map([
    ['dataset.json', jsonBytes({ ...TINY_JSON, channel_names: { '0': 'MRI' }, numTraining: 2 })],
    ...['word_0000', 'word_0001'].flatMap((name): [string, Uint8Array][] => [
      [`imagesTr/${name}.nii`, tinyImage(1)],
      [`labelsTr/${name}.nii`, tinyLabels()],
    ]),
  ]);
  const report = await check(contents);
  expect(report.isTrainable).toBe(false);
  expect(messages(report)).toMatch(
    /^word: .*imagesTr\/word_0000.nii to word_0001.nii count as 2 channels of one case word.*word_0000.nii → word_0000_0000.nii and so on; the label maps \(word_0000.nii\) keep their names\.$/,
  );
});

test('a label map with channels says that one is needed, and nothing else of it', async () => {
  const contents = tinyDataset();
  const values = Uint8Array.from({ length: 2 * 960 }, (_, i) => (i % 2 === 0 ? 255 : 0));
  contents.set('labelsTr/case_0.nii', tinyLabels({ dim: [12, 10, 8, 2], values }));
  expect(messages(await check(contents))).toMatch(
    /^case_0: the label map .*case_0.nii has more than one channel; one channel of label numbers is needed.*argmax.*3D Slicer.*$/,
  );
});

describe('position and direction', () => {
  const turned = (degrees: number, x = 0) => {
    const [cosine, sine] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
    return {
      code: 1,
      rows: [
        [cosine, -sine, 0, x],
        [sine, cosine, 0, 0],
        [0, 0, 2, 0],
      ],
    };
  };
  const differing = async (image: ReturnType<typeof turned>, seg: ReturnType<typeof turned>) => {
    const contents = tinyDataset();
    for (const channel of ['0000', '0001'])
      contents.set(`imagesTr/case_0_${channel}.nii`, tinyImage(1, { sform: image }));
    contents.set('labelsTr/case_0.nii', tinyLabels({ sform: seg }));
    return messages(await check(contents));
  };

  test('both values and how far they are apart', async () => {
    expect(await differing(turned(0, 3), turned(0, -1.5))).toMatch(
      /position: .* at \(3, 0, 0\) mm, that of the label map at \(-1\.5, 0, 0\) mm \(x, y, z\), 4\.5 mm apart \(/,
    );
    expect(await differing(turned(0), turned(10))).toMatch(
      /direction: .* \(1, 0, 0\) .* \(0\.9848078, 0\.1736482, 0\).*up to 0\.1736482 apart \(10°\)/,
    );
  });

  test('what rounding leaves in a header is no difference', async () => {
    expect(await differing(turned(0), turned((3e-8 * 180) / Math.PI, 3e-8))).toBe('');
    expect(await differing(turned(0), turned(0, 1e-3))).toMatch(/0\.001 mm apart/);
  });
});

test('two names for one number, and channels out of order, are told', async () => {
  const contents = tinyDataset();
  const text =
    '{"channel_names": {"1": "CT", "0": "T1"}, "labels": {"background": 0, "organ": 1, "lesion": 2, "tumor": 2}, "numTraining": 6, "file_ending": ".nii"}';
  contents.set('dataset.json', new TextEncoder().encode(text));
  const report = await check(contents);
  expect(report.isTrainable).toBe(true);
  expect(messages(report)).toMatch(/labels gives lesion and tumor the same number 2/);
  expect(messages(report)).toMatch(
    /channels as 1, 0; nnU-Net takes them in this order.*so "0": "CT", "1": "T1"/,
  );
});

test('a dataset without any foreground cannot be trained, and says so once', async () => {
  const contents = tinyDataset();
  for (let i = 0; i < 6; i++)
    contents.set(`labelsTr/case_${i}.nii`, tinyLabels({ values: new Uint8Array(960) }));
  const report = await check(contents);
  expect(report.isTrainable).toBe(false);
  expect(report.findings.map(({ message }) => message).join()).toMatch(
    /labelsTr: no label map has foreground/,
  );
});

describe('single slices are found before they are planned', () => {
  const slices = (dim: readonly [number, number, number], pixdim: readonly [number, number, number]) => {
    const contents: DatasetContents = new Map([['dataset.json', jsonBytes(TINY_JSON)]]);
    const voxels = dim[0] * dim[1] * dim[2];
    const values = Uint8Array.from({ length: voxels }, (_, i) => i % 3);
    for (let i = 0; i < TINY_JSON.numTraining; i++) {
      for (const channel of [0, 1]) {
        const image = tinyImage(i, { dim, pixdim, values: Float32Array.from(values) });
        contents.set(`imagesTr/case_${i}_000${channel}.nii`, image);
      }
      contents.set(`labelsTr/case_${i}.nii`, tinyLabels({ dim, pixdim, values }));
    }
    return contents;
  };

  test.each([
    [[1, 10, 8], 'x'],
    [[12, 1, 8], 'y'],
  ] as const)('%j along %s', async (dim, axis) => {
    expect((await errorsOf(slices(dim, [1, 1, 1]))).join()).toMatch(
      new RegExp(`the images are single slices along ${axis}: .*${dim.join(' × ')} voxels.*must lie along z`),
    );
  });

  test('along z, or along the axis of the largest voxel size, they are as nnU-Net wants them', async () => {
    expect(await errorsOf(slices([12, 10, 1], [1, 1, 1]))).toEqual([]);
    expect(await errorsOf(slices([1, 10, 8], [5, 1, 1]))).toEqual([]);
  });
});
