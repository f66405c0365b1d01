import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  type EvaluatedCase,
  type EvaluateFolderRequest,
  evaluateFolder,
  optionsOf,
} from '@/app/evaluate/evaluateFolder';
import { formatOfFolder } from '@/app/files/labelMapFiles';
import { memoryFile } from '@/core/io/sourceFile';
import { memoryFolder } from '../../support/memoryFolder';
import {
  CROSSVAL_JSON,
  CROSSVAL_PLANS,
  columns,
  failureOf,
  labelFile,
  TRUTH,
  type Voxels,
} from '../../support/tinyCrossval';

const json = (value: unknown) => memoryFile(new TextEncoder().encode(JSON.stringify(value)), 'x.json');

async function jobOf(
  maps: Readonly<Record<string, readonly [Voxels | Uint8Array | undefined, Voxels | Uint8Array | undefined]>>,
  labels: object = CROSSVAL_JSON,
  changes: Partial<EvaluateFolderRequest> = {},
): Promise<EvaluateFolderRequest> {
  const [predictions, references] = [memoryFolder(), memoryFolder()];
  const put = async (folder: typeof predictions, caseId: string, map: Voxels | Uint8Array | undefined) => {
    if (map) await folder.write(`${caseId}.nii.gz`, map instanceof Uint8Array ? map : labelFile(map));
  };
  for (const [caseId, [prediction, reference]] of Object.entries(maps)) {
    await put(predictions, caseId, prediction);
    await put(references, caseId, reference);
  }
  const descriptions = { dataset: json(labels), plans: json(CROSSVAL_PLANS) };
  return {
    predictions: { folder: predictions, location: '/p' },
    references: { folder: references, location: '/r' },
    question: optionsOf(await formatOfFolder(predictions, descriptions)),
    mayLackPredictions: false,
    ...changes,
  };
}

describe('evaluating a folder', () => {
  test('counts each label by case, and means over cases that have it', async () => {
    const job = await jobOf({
      b: [columns([0, 3, 1]), columns([0, 3, 1])],
      a: [columns([0, 2, 1], [4, 6, 2]), TRUTH],
    });
    const summary = await evaluateFolder(job);
    expect(summary.cases.map(({ predictionFile, referenceFile }) => [predictionFile, referenceFile])).toEqual(
      [
        ['/p/a.nii.gz', '/r/a.nii.gz'],
        ['/p/b.nii.gz', '/r/b.nii.gz'],
      ],
    );
    expect(summary.cases[0].metrics[0]).toMatchObject({ TP: 30, FN: 15, FP: 0, TN: 75, n_pred: 30 });
    expect(summary.cases[1].metrics[1].Dice).toBeNaN();
    expect(summary.mean[0].Dice).toBeCloseTo((0.8 + 1) / 2, 12);
    expect(summary.mean[1].Dice).toBe(1);
    expect(summary.foregroundMean.Dice).toBeCloseTo(0.95, 12);
  });

  test('leaves ignored voxels of the reference out, and takes regions as wholes', async () => {
    const labels = {
      ...CROSSVAL_JSON,
      labels: { background: 0, whole: [1, 2], core: 2, ignore: 3 },
      regions_class_order: [1, 2],
    };
    const job = await jobOf({ a: [columns([0, 6, 2]), columns([0, 2, 1], [2, 4, 2], [4, 8, 3])] }, labels);
    const [whole, core] = (await evaluateFolder(job)).mean;
    expect(whole).toMatchObject({ TP: 60, FP: 0, FN: 0, TN: 0, Dice: 1 });
    expect(core).toMatchObject({ TP: 30, FP: 30, FN: 0, TN: 0 });
  });

  test('tells of cases as they are done', async () => {
    const reports: EvaluatedCase[] = [];
    const job = await jobOf({ a: [TRUTH, TRUTH], b: [TRUTH, TRUTH] });
    await evaluateFolder({ ...job, onCase: (report) => reports.push(report) });
    expect(reports).toMatchObject([
      { caseId: 'a', status: 'done', done: 1, total: 2, warnings: [] },
      { caseId: 'b', status: 'done', done: 2, total: 2, metrics: [{ Dice: 1 }, { Dice: 1 }] },
    ]);
  });

  test('warns of labels nobody knows and of other voxel sizes', async () => {
    const reports: EvaluatedCase[] = [];
    const job = await jobOf({
      a: [columns([0, 1, 9], [1, 2, 7]), labelFile(TRUTH, { pixdim: [1, 1, 3] })],
    });
    await evaluateFolder({ ...job, onCase: (report) => reports.push(report) });
    expect(reports).toMatchObject([
      {
        warnings: [
          'prediction and reference differ in voxel size: 1 × 1 × 2 mm and 1 × 1 × 3 mm; they are compared voxel by voxel',
          'the prediction has the label 7, 9, which dataset.json does not know',
        ],
      },
    ]);
  });
});

test('prediction and reference in other places of space: both values are said, and they are compared all the same', async () => {
  const reports: EvaluatedCase[] = [];
  const at = (x: number, direction = 1) => ({
    sform: {
      code: 1,
      rows: [
        [direction, 0, 0, x],
        [0, 1, 0, 0],
        [0, 0, 2, 0],
      ],
    },
  });
  const job = await jobOf({
    a: [labelFile(TRUTH, at(5)), labelFile(TRUTH, at(-2.5))],
    b: [labelFile(TRUTH, at(5, -1)), labelFile(TRUTH, at(5))],
    c: [labelFile(TRUTH, at(5)), labelFile(TRUTH, at(5 + 3e-7))],
  });
  await evaluateFolder({ ...job, onCase: (report) => reports.push(report) });
  expect(reports).toMatchObject([
    {
      metrics: [{ Dice: 1 }, { Dice: 1 }],
      warnings: [
        expect.stringMatching(
          /differ in position: the first voxel of the prediction is at \(5, 0, 0\) mm, that of the reference at \(-2\.5, 0, 0\) mm .*7\.5 mm apart/,
        ),
      ],
    },
    {
      warnings: [
        expect.stringMatching(
          /direction: .*the prediction run along \(-1, 0, 0\).*the reference along \(1, 0, 0\)/,
        ),
      ],
    },
    { warnings: [] },
  ]);
});

test('accents composed either way are one name', async () => {
  const [composed, apart] = ['é'.normalize('NFC'), 'é'.normalize('NFD')];
  const job = await jobOf({ [composed]: [TRUTH, undefined], [apart]: [undefined, TRUTH] });
  expect((await evaluateFolder(job)).foregroundMean.Dice).toBe(1);
});

describe('what cannot be evaluated', () => {
  test('an absent prediction is named, or allowed', async () => {
    const job = await jobOf({ a: [TRUTH, TRUTH], b: [undefined, TRUTH] });
    expect(await failureOf(evaluateFolder(job))).toMatch(/^MissingPrediction: 1 of 2 .*b\.nii\.gz/);
    const summary = await evaluateFolder({ ...job, mayLackPredictions: true });
    expect(summary.cases).toHaveLength(1);
  });

  test('a prediction of another ending is not overlooked', async () => {
    const job = await jobOf({ a: [TRUTH, TRUTH], b: [undefined, TRUTH] });
    const folder = job.predictions.folder as ReturnType<typeof memoryFolder>;
    await folder.write('b.nrrd', new Uint8Array(1));
    expect(await failureOf(evaluateFolder(job))).toMatch(
      /b\.nrrd has another ending: .* all end with \.nii\.gz/,
    );
  });

  test('an absent reference is named', async () => {
    const job = await jobOf({ a: [TRUTH, TRUTH], b: [TRUTH, undefined] });
    expect(await failureOf(evaluateFolder(job))).toMatch(/^MissingReference: 1 of 2 .*\/r: b\.nii\.gz/);
  });

  test('no prediction at all', async () => {
    const job = await jobOf({ a: [undefined, TRUTH] });
    expect(await failureOf(evaluateFolder({ ...job, mayLackPredictions: true }))).toMatch(/^NoCases: .*\/p/);
  });

  test('one case that fails is the error; others are still looked at', async () => {
    const job = await jobOf({ a: [labelFile([1, 2], { dim: [2, 1, 1] }), TRUTH], b: [TRUTH, TRUTH] });
    const statuses: string[] = [];
    const failing = evaluateFolder({ ...job, onCase: ({ status }) => statuses.push(status) });
    expect(await failureOf(failing)).toMatch(/^GeometryMismatch: a: .*2 × 1 × 1 .*8 × 5 × 3/);
    expect(statuses).toEqual(['failed', 'done']);
  });

  test('several that fail are counted and named', async () => {
    const half = labelFile(
      TRUTH.map((label) => label / 2),
      { type: 'float32' },
    );
    const job = await jobOf({ a: [half, TRUTH], b: [TRUTH, new Uint8Array(8)], c: [TRUTH, TRUTH] });
    expect(await failureOf(evaluateFolder(job))).toMatch(/^CasesFailed: 2 of 3 cases failed: a, b\. .*0\.5/);
  });

  test('a label below zero is none', async () => {
    const negative = labelFile(
      TRUTH.map((label) => label - 1),
      { type: 'int16' },
    );
    const job = await jobOf({ a: [negative, TRUTH] });
    expect(await failureOf(evaluateFolder(job))).toMatch(/^BadLabels: .*a\.nii\.gz holds the value -1/);
  });

  test('it stops when it is told to', async () => {
    const controller = new AbortController();
    const job = await jobOf({ a: [TRUTH, TRUTH], b: [TRUTH, TRUTH] });
    const stopped = evaluateFolder({
      ...job,
      signal: controller.signal,
      onCase: () => controller.abort(),
    });
    expect(await failureOf(stopped)).toMatch(/^AbortError/);
  });

  test('it tells label by label how far a case is, and stops in its middle', async () => {
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 1000)); // every step is a long one
    onTestFinished(() => clock.mockRestore());
    const controller = new AbortController();
    const seen = new Set<number | undefined>();
    const job = await jobOf({ a: [TRUTH, TRUTH] }, CROSSVAL_JSON, { surfaceToleranceMm: 1 });
    const stopped = evaluateFolder({
      ...job,
      signal: controller.signal,
      onStep: (caseId, { share, label }) => {
        expect(caseId).toBe('a');
        expect(share).toBeLessThanOrEqual(1);
        seen.add(label);
        if (label === 1) controller.abort();
      },
      onCase: () => expect.unreachable('the case should not be finished'),
    });
    expect(await failureOf(stopped)).toMatch(/^AbortError/);
    expect([...seen]).toEqual([undefined, 0, 1]);
  });
});
