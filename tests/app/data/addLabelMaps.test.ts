// Datasets some or all of whose cases have no label map yet.
import { beforeEach, expect, test } from 'vitest';
import { matchLabelMaps } from '@/app/data/addLabelMaps';
import { createDatasetService } from '@/app/data/datasetService';
import { gzip } from '@/core/io/gzip';
import { memoryFile } from '@/core/io/sourceFile';
import type { DatasetApi, PairsFacts } from '@/workers/data/api';
import type { GivenFile } from '@/workers/files/api';
import { MemoryRecords } from '../../storage/memoryRecords';
import { memoryFolders } from '../../support/memoryFolders';
import {
  labelValues,
  TINY_DATASET,
  TINY_DIM,
  tinyDataset,
  tinyImage,
  tinyLabels,
} from '../../support/tinyDataset';

let folders: ReturnType<typeof memoryFolders>;
let service: DatasetApi;
const quiet = () => undefined;
const expected = { isExpected: true };

beforeEach(() => {
  folders = memoryFolders();
  service = createDatasetService({
    folders,
    records: new MemoryRecords(),
    checks: new MemoryRecords(),
    exclusively: (work) => work(),
  });
});

function given(contents: Readonly<Record<string, Uint8Array>>): readonly GivenFile[] {
  return Object.entries(contents).map(([path, bytes]) => ({ path, content: new Blob([bytes as BlobPart]) }));
}

const CASES = ['anna', 'bert', 'carl', 'dora', 'emil'];
const images = () => given(Object.fromEntries(CASES.map((name, i) => [`scans/${name}.nii`, tinyImage(i)])));
const FACTS: PairsFacts = {
  name: TINY_DATASET,
  channelNames: ['MRI'],
  labels: [
    { name: 'background', values: [0] },
    { name: 'organ', values: [1] },
  ],
  fileEnding: '.nii',
  withUnlabelled: true,
};

test('images without label maps become a dataset that is looked at and labelled before it is planned', async () => {
  expect(await service.recognise(images(), expected, 'r', quiet)).toMatchObject({
    kind: 'pairs',
    caseIds: [],
    unlabelled: CASES,
    channels: 1,
    fileEnding: '.nii',
  });
  const record = await service.importPairs(images(), FACTS, 'a', quiet);
  expect(record).toMatchObject({ caseCount: 5, unlabelled: 5, numTraining: 5 });
  const statuses = async () => (await service.readChecks(TINY_DATASET)).map(({ status }) => status);
  expect(await statuses()).toEqual(CASES.map(() => 'unlabelled'));

  const { check } = await service.check(TINY_DATASET, 'a', quiet);
  expect(check).toMatchObject({ isTrainable: false, errors: 0, badCases: 0 });
  expect(await statuses()).toEqual(CASES.map(() => 'unlabelled'));
  expect((await service.readPreviews(TINY_DATASET, ['bert']))[0]?.thumbnail.width).toBe(96);
  expect((await service.showImage(TINY_DATASET, 'bert', 0)).shape).toEqual(TINY_DIM);
  expect(await service.drawOverview(TINY_DATASET, 0, 'o', quiet)).toEqual([]);
  for (const step of [
    () => service.extractFingerprint(TINY_DATASET, 'a', quiet),
    () => service.plan(TINY_DATASET, { planner: 'ExperimentPlanner' }),
    () => service.preprocess(TINY_DATASET, { plansName: 'nnUNetPlans', configurations: ['2d'] }, 'a', quiet),
  ]) {
    await expect(step()).rejects.toThrow(
      `${TINY_DATASET}: 5 of 5 cases have no label map: anna, bert, carl, dora, emil. nnU-Net needs one for every case. Add them (labelsTr/anna.nii for anna`,
    );
  }

  const some = given({
    'masks/anna.nii.gz': await gzip(tinyLabels()),
    'masks/bert_0000.nii': tinyLabels(),
    'masks/carl.nii': tinyLabels({ dim: [12, 10, 7], values: labelValues().subarray(0, 840) }),
    'masks/dora.nii': tinyImage(9),
    'masks/zoe.nii': tinyLabels(),
  });
  const proposal = await service.recognise(some, expected, 'r', quiet);
  expect(proposal).toMatchObject({
    kind: 'labels',
    name: TINY_DATASET,
    matches: [
      { caseId: 'anna', isThere: false },
      { caseId: 'bert', isThere: false },
    ],
    newValues: [{ value: 2, cases: 2 }],
  });
  const reasons = proposal.kind === 'labels' ? proposal.refused : [];
  expect(reasons.map(({ path }) => path)).toEqual(['masks/zoe.nii', 'masks/carl.nii', 'masks/dora.nii']);
  expect(reasons.map(({ reason }) => reason).join('\n')).toMatch(
    /no case of this name\n.*12 × 10 × 7 voxels is not that of its image, 12 × 10 × 8.*\n.*no label map/,
  );
  const choice = { replaces: false, newLabels: [{ name: 'lesion', value: 2 }] };
  const partly = await service.addLabels(TINY_DATASET, some, choice, 'a', quiet);
  expect(partly).toMatchObject({ caseCount: 5, unlabelled: 3, numTraining: 5, check: undefined });
  expect(partly.labels.map(({ name }) => name)).toEqual(['background', 'organ', 'lesion']);
  expect(partly.rawBytes).toBeGreaterThan(record.rawBytes);
  expect((await service.showLabels(TINY_DATASET, 'anna')).shape).toEqual(TINY_DIM);
  await expect(service.showLabels(TINY_DATASET, 'dora')).rejects.toThrow('dora has no label map');
  await service.check(TINY_DATASET, 'a', quiet);
  expect(await statuses()).toEqual(['ok', 'ok', 'unlabelled', 'unlabelled', 'unlabelled']);

  const rest = given(
    Object.fromEntries(['carl', 'dora', 'emil'].map((name) => [`${name}_seg.nii`, tinyLabels()])),
  );
  const whole = await service.addLabels(TINY_DATASET, rest, { replaces: false, newLabels: [] }, 'a', quiet);
  expect(whole.unlabelled).toBe(0);
  expect((await service.check(TINY_DATASET, 'a', quiet)).check).toMatchObject({
    isTrainable: true,
    errors: 0,
  });
});

test('a label map that is there stays unless it is to be replaced; then what was made of it goes', async () => {
  await service.importPairs(
    given(
      Object.fromEntries(
        CASES.flatMap((name, i) => [
          [`scans/${name}.nii`, tinyImage(i)],
          [`scans/${name}_seg.nii`, tinyLabels()],
        ]),
      ),
    ),
    { ...FACTS, labels: [...FACTS.labels, { name: 'lesion', values: [2] }] },
    'a',
    quiet,
  );
  const preprocessed = folders.folder(TINY_DATASET, 'preprocessed');
  await preprocessed.write('dataset_fingerprint.json', '{}');
  for (const name of CASES) {
    for (const ending of ['npz', 'pkl']) await preprocessed.write(`nnUNetPlans_2d/${name}.${ending}`, '');
  }

  const other = tinyLabels({ values: labelValues().map((value) => (value > 0 ? 3 - value : 0)) });
  const files = given({ 'bert_seg.nii': other });
  const into = { isExpected: true, into: TINY_DATASET };
  expect(await service.recognise(files, into, 'r', quiet)).toMatchObject({
    kind: 'labels',
    matches: [{ caseId: 'bert', isThere: true }],
  });
  const stay = { replaces: false, newLabels: [] };
  await expect(service.addLabels(TINY_DATASET, files, stay, 'a', quiet)).rejects.toThrow(
    'All cases have theirs',
  );
  expect(await service.find(TINY_DATASET)).toMatchObject({
    hasFingerprint: true,
    preprocessed: [{ dataIdentifier: 'nnUNetPlans_2d', cases: 5 }],
  });

  const replaced = await service.addLabels(TINY_DATASET, files, { ...stay, replaces: true }, 'a', quiet);
  expect(replaced).toMatchObject({ unlabelled: 0, hasFingerprint: false, check: undefined });
  expect(replaced.preprocessed[0].cases).toBe(4);
  const { content } = await service.readFile(TINY_DATASET, 'raw/labelsTr/bert.nii');
  expect(new Uint8Array(await content.arrayBuffer())).toEqual(other);
});

test('a raw dataset may lack some or all of its label maps', async () => {
  const contents = tinyDataset();
  contents.delete('labelsTr/case_3.nii');
  const raw = [...contents].map(([path, bytes]) => ({
    path: `${TINY_DATASET}/${path}`,
    content: new Blob([bytes as BlobPart]),
  }));
  expect(await service.importDataset(raw, TINY_DATASET, 'a', quiet)).toMatchObject({ unlabelled: 1 });
  await service.check(TINY_DATASET, 'a', quiet);
  await expect(service.extractFingerprint(TINY_DATASET, 'a', quiet)).rejects.toThrow(
    '1 of 6 cases has no label map: case_3.',
  );
  const bare = raw.filter(({ path }) => !path.includes('labelsTr/'));
  expect(await service.recognise(bare, expected, 'r', quiet)).toMatchObject({ kind: 'raw' });
  expect(await service.replaceDataset(bare, TINY_DATASET, 'a', quiet)).toMatchObject({ unlabelled: 6 });
});

test('label maps are told from images by name', () => {
  const file = (path: string) => memoryFile(new Uint8Array(), path);
  const cases = ['a', 'b_0001', 'c'].map((caseId) => ({
    caseId,
    images: [file(`imagesTr/${caseId}_0000.nii`)],
    label: undefined,
    labelPath: `labelsTr/${caseId}.nii`,
    missing: [],
  }));
  const found = (...paths: readonly string[]) => {
    const { matches, refused } = matchLabelMaps(cases, paths.map(file));
    return [matches.map(({ rawCase }) => rawCase.caseId), refused.map(({ path }) => path)];
  };
  expect(found('a.nii', 'b_0001.nii', 'c-mask.nii')).toEqual([['a', 'b_0001', 'c'], []]);
  expect(found('a_0000.nii', 'imagesTr/c_0000.nii')).toEqual([[], []]);
  expect(found('labelsTr/a_0000.nii', 'c_seg_0000.nii')).toEqual([['a', 'c'], []]);
  expect(found('a.nii', 'a_seg.nii')).toEqual([['a'], ['a_seg.nii']]);
  expect(found('e.nii')).toEqual([[], ['e.nii']]);
});
