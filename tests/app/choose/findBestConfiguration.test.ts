import { describe, expect, test } from 'vitest';
import { applyPostprocessing } from '@/app/choose/applyPostprocessing';
import { determinePostprocessing } from '@/app/choose/determinePostprocessing';
import { ensembleCrossvals, ensembleFolders } from '@/app/choose/ensembleFolders';
import { type FindBestProgress, findBestConfiguration } from '@/app/choose/findBestConfiguration';
import { accumulateCrossval } from '@/app/evaluate/accumulateCrossval';
import { readLabelMap } from '@/app/files/labelMapFiles';
import { readSummary } from '@/core/evaluation/summary';
import type { ImageGeometry } from '@/core/io/medicalImage';
import { readNpz, writeNpz } from '@/core/io/npy';
import { writeCase } from '@/core/io/readers';
import { readText } from '@/core/io/sourceFile';
import { readPostprocessing } from '@/core/postprocessing/postprocessingFiles';
import { stepFor, stepForAll } from '@/core/postprocessing/steps';
import type { DatasetFolder } from '@/storage/datasetFolder';
import { placedSubfolder, subfolder } from '@/storage/folderViews';
import { memoryFolder } from '../../support/memoryFolder';
import {
  CROSSVAL_CASES,
  CROSSVAL_JSON,
  CROSSVAL_PLANS,
  columns,
  failureOf,
  labelFile,
  probabilityFile,
  TRUTH,
  tinyCrossval,
} from '../../support/tinyCrossval';

/** Misses the right half of label 2, but is unsure there. */
const LEFT = columns([0, 3, 1], [4, 5, 2]);
/** Misses the left half of label 1, unsure likewise. */
const RIGHT = columns([0, 1, 1], [4, 6, 2]);
/** 0.5 where a map differs from the truth, so that whoever is right there wins. */
const unsureWhereWrong = (map: readonly number[]) => map.map((label, i) => (label === TRUTH[i] ? 0.9 : 0.5));

const COMPLEMENTARY = [
  { configuration: '2d', prediction: LEFT, confidence: unsureWhereWrong(LEFT) },
  { configuration: '3d_fullres', prediction: RIGHT, confidence: unsureWhereWrong(RIGHT) },
];

const ENSEMBLE = 'ensemble___nnUNetTrainer__nnUNetPlans__2d___nnUNetTrainer__nnUNetPlans__3d_fullres___0_1';

async function jsonOf(folder: DatasetFolder, path: string) {
  const file = await folder.open(path);
  return file && JSON.parse(await readText(file));
}

async function labelsOf(folder: DatasetFolder, path: string): Promise<number[]> {
  return [...(await readLabelMap(folder, path, 'SimpleITKIO')).labels];
}

describe('the best configuration', () => {
  test('is the ensemble where models make up for each other', async () => {
    const { job, results } = await tinyCrossval(COMPLEMENTARY);
    const found = await findBestConfiguration(job);
    expect(found.best.name).toBe(ENSEMBLE);
    expect(found.best.summary.foregroundMean.Dice).toBe(1);
    expect(found.scores.map(({ name }) => name)).toEqual([
      'nnUNetTrainer__nnUNetPlans__2d',
      'nnUNetTrainer__nnUNetPlans__3d_fullres',
      ENSEMBLE,
    ]);
    const below = `ensembles/${ENSEMBLE}`;
    expect(await labelsOf(results.folder, `${below}/case_c.nii.gz`)).toEqual(TRUTH);
    expect(await results.folder.list(below)).toEqual([
      ...CROSSVAL_CASES.map((caseId) => `${caseId}.nii.gz`),
      'dataset.json',
      'plans.json',
      'postprocessing.json',
      'postprocessing.pkl',
      'summary.json',
    ]);
    const information = await jsonOf(results.folder, 'inference_information.json');
    expect(information.best_model_or_ensemble).toEqual({
      postprocessing_file: `${results.location}/${below}/postprocessing.pkl`,
      some_plans_file: `${results.location}/${below}/plans.json`,
      result_on_crossval_pre_pp: 1,
      result_on_crossval_post_pp: 1,
      selected_model_or_models: [
        { configuration: '2d', plans_identifier: 'nnUNetPlans', trainer: 'nnUNetTrainer' },
        { configuration: '3d_fullres', plans_identifier: 'nnUNetPlans', trainer: 'nnUNetTrainer' },
      ],
    });
    const instructions = await results.folder.open('inference_instructions.txt');
    expect(instructions && (await readText(instructions))).toBe(found.instructions);
  });

  test('is the first of equals, and models come before ensembles', async () => {
    const models = ['2d', '3d_fullres'].map((configuration) => ({
      configuration,
      prediction: TRUTH,
      confidence: 0.9,
    }));
    const { job } = await tinyCrossval(models);
    expect((await findBestConfiguration(job)).best.name).toBe('nnUNetTrainer__nnUNetPlans__2d');
  });

  test('is a single model where ensembles are not allowed; probabilities are not asked for', async () => {
    const { job, results } = await tinyCrossval([
      { configuration: '2d', prediction: LEFT },
      { configuration: '3d_fullres', prediction: RIGHT },
    ]);
    const { scores, best } = await findBestConfiguration({ ...job, isEnsemblingAllowed: false });
    const [left, right] = scores.map(({ summary }) => summary.foregroundMean.Dice);
    expect(best.name).toContain(left > right ? '2d' : '3d_fullres');
    expect([...results.folder.contents.keys()].filter((path) => path.startsWith('ensembles'))).toEqual([]);
    expect((await jsonOf(results.folder, 'inference_information.json')).ensembling_allowed).toBe(false);
  });

  test('tells where it is', async () => {
    const { job } = await tinyCrossval(COMPLEMENTARY);
    const stages: string[] = [];
    const named: string[] = [];
    await findBestConfiguration({
      ...job,
      onProgress: ({ stage, done, total }: FindBestProgress) => {
        if (stages.at(-1) !== stage) stages.push(stage);
        expect(done).toBeLessThanOrEqual(total);
      },
      onCandidate: ({ name }) => named.push(name),
    });
    expect(stages).toEqual(['cross-validation', 'ensemble', 'postprocessing']);
    expect(named).toHaveLength(3);
  });

  test('of models without a mean Dice is none', async () => {
    const { job, references } = await tinyCrossval([{ configuration: '2d', prediction: columns([0, 3, 1]) }]);
    for (const caseId of CROSSVAL_CASES) {
      await references.folder.write(`${caseId}.nii.gz`, labelFile(columns([0, 3, 1])));
    }
    expect(await failureOf(findBestConfiguration(job))).toMatch(/^NoScore/);
    expect(await failureOf(findBestConfiguration({ ...job, candidates: [] }))).toMatch(/^NoCandidates/);
  });

  test('without probabilities says so before it writes anything', async () => {
    const { job, results } = await tinyCrossval([
      COMPLEMENTARY[0],
      { configuration: '3d_fullres', prediction: RIGHT },
    ]);
    const before = [...results.folder.contents.keys()];
    expect(await failureOf(findBestConfiguration(job))).toMatch(
      /^NoProbabilities: .*3d_fullres\/fold_0\/validation .*--npz/,
    );
    const more = findBestConfiguration({ ...job, folds: [0, 1, 2] });
    expect(await failureOf(more)).toMatch(/^FoldMissing: Fold 2 of .*2d has no validation/);
    expect([...results.folder.contents.keys()]).toEqual(before);
  });

  test('stops when it is told to', async () => {
    const { job } = await tinyCrossval(COMPLEMENTARY);
    const controller = new AbortController();
    const stopped = findBestConfiguration({
      ...job,
      signal: controller.signal,
      onProgress: ({ stage }) => {
        if (stage === 'ensemble') controller.abort();
      },
    });
    expect(await failureOf(stopped)).toMatch(/^AbortError/);
  });
});

describe('gathering folds', () => {
  test('evaluates all cases together, against references that may be more', async () => {
    const { candidates, references, results } = await tinyCrossval([
      { configuration: '2d', prediction: LEFT },
    ]);
    const [{ folder: model }] = candidates;
    const summary = await accumulateCrossval({ model, folds: [1], references, shouldOverwrite: true });
    expect(summary.cases.map(({ predictionFile }) => predictionFile)).toEqual(
      ['case_c', 'case_d'].map((caseId) => `${model.location}/crossval_results_folds_1/${caseId}.nii.gz`),
    );
    const written = await subfolder(model.folder, 'crossval_results_folds_1').open('summary.json');
    expect(written && readSummary(await readText(written), 'summary.json', summary.labels)).toEqual(summary);
    expect(
      results.folder.contents.has('nnUNetTrainer__nnUNetPlans__2d/crossval_results_folds_1/plans.json'),
    ).toBe(true);
  });

  test('starts anew, or keeps what is there', async () => {
    const { candidates, references } = await tinyCrossval([{ configuration: '2d', prediction: LEFT }]);
    const [{ folder: model }] = candidates;
    const job = { model, folds: [0, 1], references, shouldOverwrite: true };
    const first = await accumulateCrossval(job);
    const kept = subfolder(model.folder, 'crossval_results_folds_0_1');
    await kept.write('stale.nii.gz', labelFile(TRUTH));
    await model.folder.write('fold_0/validation/case_a.nii.gz', labelFile(TRUTH));
    const again = await accumulateCrossval({ ...job, shouldOverwrite: false });
    expect(again.foregroundMean.Dice).toBe(first.foregroundMean.Dice);
    const anew = await accumulateCrossval(job);
    expect(anew.foregroundMean.Dice).toBeGreaterThan(first.foregroundMean.Dice);
    expect(await kept.has('stale.nii.gz')).toBe(false);
  });

  test('a fold that is not there, and a case in two folds, are named', async () => {
    const { candidates, references } = await tinyCrossval([
      { configuration: '2d', prediction: LEFT, folds: { '0': ['case_a'], '1': ['case_a', 'case_b'] } },
    ]);
    const [{ folder: model }] = candidates;
    const job = { model, references, shouldOverwrite: true };
    expect(await failureOf(accumulateCrossval({ ...job, folds: [0, 3] }))).toMatch(
      /^FoldMissing: Fold 3 of .*__2d/,
    );
    expect(await failureOf(accumulateCrossval({ ...job, folds: [0, 1] }))).toMatch(
      /^DuplicateCase: Folds 0 and 1 .*case_a/,
    );
  });
});

describe('other formats', () => {
  const shape = [2, 3, 4] as const;
  const labels = Uint8Array.from({ length: 24 }, (_, i) => (i < 4 || i === 23 ? 1 : 0));

  /** A model with one fold of one case in that format, and its reference. */
  async function modelIn(ending: string, reader: string, geometry: ImageGeometry) {
    const [folder, references] = [memoryFolder(), memoryFolder()];
    await folder.write('dataset.json', JSON.stringify({ ...CROSSVAL_JSON, file_ending: ending }));
    await folder.write('plans.json', JSON.stringify({ ...CROSSVAL_PLANS, image_reader_writer: reader }));
    for (const file of await writeCase(labels, shape, geometry, { ending })) {
      await folder.write(`fold_0/validation/case_a${file.ending}`, file.content);
      await references.write(`case_a${file.ending}`, file.content);
    }
    return {
      model: { folder, location: '/m' },
      references: { folder: references, location: '/r' },
      crossval: subfolder(folder, 'crossval_results_folds_0'),
    };
  }

  test('a TIFF stack keeps its voxel size all the way', async () => {
    const geometry = { format: 'tiff-stack', spacing: [3, 2, 1] } as const;
    const { model, references, crossval } = await modelIn('.tif', 'Tiff3DIO', geometry);
    await accumulateCrossval({ model, references, folds: [0], shouldOverwrite: true });
    expect(await crossval.list('')).toContain('case_a.json');
    const output = memoryFolder();
    await applyPostprocessing({ input: crossval, output, steps: [stepFor([1])] });
    const kept = await readLabelMap(output, 'case_a.tif', 'Tiff3DIO');
    expect(kept.spacing).toEqual([3, 2, 1]);
    expect([...kept.labels].filter((label) => label === 1)).toHaveLength(4);
  });

  test('pictures are evaluated and postprocessed too', async () => {
    const { model, references, crossval } = await modelIn('.png', 'NaturalImage2DIO', {
      format: 'picture',
      kind: 'png',
    });
    const summary = await accumulateCrossval({ model, references, folds: [0], shouldOverwrite: true });
    expect(summary.mean[0]).toMatchObject({ Dice: 1, TP: 4, TN: 8 });
    const output = memoryFolder();
    const [report] = await applyPostprocessing({ input: crossval, output, steps: [stepFor([1])] });
    expect(report).toMatchObject({ caseId: 'case_a', removedVoxels: 0 });
    expect([...output.contents.keys()]).toEqual(['case_a.png']);
  });
});

describe('ensembles', () => {
  test('of cross-validations that split the cases otherwise', async () => {
    const { candidates } = await tinyCrossval([
      COMPLEMENTARY[0],
      { ...COMPLEMENTARY[1], folds: { '0': ['case_d', 'case_b'], '1': ['case_a', 'case_c'] } },
    ]);
    const output = memoryFolder();
    const models = candidates.map(({ folder }) => folder);
    await ensembleCrossvals({ models, folds: [0, 1], output, shouldOverwrite: true });
    for (const caseId of CROSSVAL_CASES) expect(await labelsOf(output, `${caseId}.nii.gz`)).toEqual(TRUTH);
    const again = await ensembleCrossvals({ models, folds: [0, 1], output, shouldOverwrite: false });
    expect(again.map(({ status }) => status)).toEqual(CROSSVAL_CASES.map(() => 'skipped'));
  });

  test('need the same cases of every member', async () => {
    const { candidates } = await tinyCrossval([
      COMPLEMENTARY[0],
      { ...COMPLEMENTARY[1], folds: { '0': ['case_a'], '1': ['case_b'] } },
    ]);
    const models = candidates.map(({ folder }) => folder);
    const job = { models, folds: [0, 1], output: memoryFolder(), shouldOverwrite: true };
    expect(await failureOf(ensembleCrossvals(job))).toMatch(
      /^DifferentCases: .*3d_fullres lacks 2 of the 4 cases: case_c.npz, case_d.npz/,
    );
  });

  test('of folders keep probabilities and properties where asked', async () => {
    const inputs = await Promise.all(
      [LEFT, RIGHT].map(async (labels, i) => {
        const folder = memoryFolder();
        await folder.write('x.nii.gz', labelFile(labels));
        await folder.write('x.npz', await probabilityFile(labels, unsureWhereWrong(labels)));
        await folder.write('x.pkl', new Uint8Array([i]));
        return { folder, location: `/in_${i}` };
      }),
    );
    const output = memoryFolder();
    const job = { inputs, output, shouldSaveProbabilities: true };
    expect(await failureOf(ensembleFolders(job))).toMatch(/^MissingFile: There is no dataset.json/);
    const { candidates } = await tinyCrossval([COMPLEMENTARY[0]]);
    for (const name of ['dataset.json', 'plans.json']) {
      const file = await candidates[0].folder.folder.open(name);
      if (file) await inputs[0].folder.write(name, await file.bytes());
    }
    await ensembleFolders(job);
    expect(await labelsOf(output, 'x.nii.gz')).toEqual(TRUTH);
    expect(output.contents.get('x.pkl')).toEqual(new Uint8Array([0]));
    const arrays = await readNpz(output.contents.get('x.npz') ?? new Uint8Array());
    expect(arrays.get('probabilities')?.shape).toEqual([3, 3, 5, 8]);
    expect([...output.contents.keys()].sort()).toEqual([
      'dataset.json',
      'plans.json',
      'x.nii.gz',
      'x.npz',
      'x.pkl',
    ]);
    const { folder: second } = inputs[1];
    const wide = { shape: [3, 3, 5, 9], data: new Float32Array(3 * 3 * 5 * 9) };
    const right = second.contents.get('x.npz') ?? new Uint8Array();
    await second.write('x.npz', await writeNpz({ probabilities: wide }));
    expect(await failureOf(ensembleFolders(job))).toMatch(
      /\/in_1\/x\.npz is 9 × 5 × 3 but \/in_0\/x\.npz is 8 × 5 × 3/,
    );
    await second.write('x.npz', right);
    await inputs[1].folder.write('y.npz', new Uint8Array());
    expect(await failureOf(ensembleFolders(job))).toMatch(/^DifferentCases: \/in_0 lacks .*y\.npz/);
    await inputs[0].folder.write('y.npz', new Uint8Array(100));
    expect(await failureOf(ensembleFolders(job))).toMatch(
      /^BadZip: y: \/in_0\/y\.npz: |^BadZip: \/in_0\/y\.npz: /,
    );
  });
});

describe('postprocessing', () => {
  /** An island of label 1 where nothing is, in one case. */
  const islands = (caseId: string) =>
    caseId === 'case_b' ? columns([0, 3, 1], [4, 6, 2], [7, 8, 1]) : TRUTH;

  async function gathered(prediction: (caseId: string) => readonly number[]) {
    const tiny = await tinyCrossval([{ configuration: '2d', prediction }]);
    const [{ folder: model }] = tiny.candidates;
    const { references } = tiny;
    await accumulateCrossval({ model, folds: [0, 1], references, shouldOverwrite: true });
    return { predictions: placedSubfolder(model, 'crossval_results_folds_0_1'), references };
  }

  test('is found label by label, written for nnU-Net, and applied', async () => {
    const job = await gathered(islands);
    const found = await determinePostprocessing({ ...job, shouldKeepFiles: true });
    // Labels 1 and 2 are two components of the foreground: keeping one of them would lose the other.
    expect(found.trials.map(({ isAccepted }) => isAccepted)).toEqual([false, true, false]);
    expect(found.steps).toEqual([stepFor([1])]);
    expect(found.after.foregroundMean.Dice).toBe(1);
    expect(found.before.foregroundMean.Dice).toBeLessThan(1);
    const { folder, location } = job.predictions;
    expect(await labelsOf(folder, 'postprocessed/case_b.nii.gz')).toEqual(TRUTH);
    expect((await jsonOf(folder, 'postprocessed/summary.json')).metric_per_case[1].prediction_file).toBe(
      `${location}/postprocessed/case_b.nii.gz`,
    );
    expect((await jsonOf(folder, 'postprocessing.json')).postprocessing_kwargs).toEqual([
      { labels_or_regions: 1 },
    ]);
    const file = await folder.open('postprocessing.pkl');
    const steps = file ? await readPostprocessing(file) : [];
    expect(steps).toEqual(found.steps);
    const output = memoryFolder();
    const reports = await applyPostprocessing({ input: folder, output, steps });
    expect(reports).toMatchObject([
      { caseId: 'case_a', removedVoxels: 0 },
      { caseId: 'case_b', removedVoxels: 15 },
      { caseId: 'case_c', removedVoxels: 0 },
      { caseId: 'case_d', removedVoxels: 0 },
    ]);
    for (const caseId of CROSSVAL_CASES) expect(await labelsOf(output, `${caseId}.nii.gz`)).toEqual(TRUTH);
  });

  test('of the whole foreground comes first', async () => {
    const connected = columns([0, 3, 1], [3, 6, 2]);
    const job = await gathered((caseId) =>
      caseId === 'case_b' ? connected.map((label, i) => (i % 8 === 7 ? 2 : label)) : connected,
    );
    for (const caseId of CROSSVAL_CASES) {
      await job.references.folder.write(`${caseId}.nii.gz`, labelFile(connected));
    }
    await job.predictions.folder.remove('summary.json');
    const { steps, trials } = await determinePostprocessing({ ...job, shouldKeepFiles: true });
    expect(steps).toEqual([stepForAll([1, 2])]);
    expect(trials.map(({ isAccepted }) => isAccepted)).toEqual([true, false, false]);
  });

  test('that changes nothing leaves all as it is, with the descriptions', async () => {
    const job = await gathered(() => TRUTH);
    const { steps, before, after } = await determinePostprocessing({ ...job, shouldKeepFiles: true });
    expect(steps).toEqual([]);
    expect(after.foregroundMean).toEqual(before.foregroundMean);
    expect(await job.predictions.folder.list('postprocessed')).toEqual([
      ...CROSSVAL_CASES.map((caseId) => `${caseId}.nii.gz`),
      'dataset.json',
      'plans.json',
      'summary.json',
    ]);
  });

  test('keeps no files where none are wanted, and takes away old ones', async () => {
    const job = await gathered(islands);
    await determinePostprocessing({ ...job, shouldKeepFiles: true });
    await determinePostprocessing({ ...job, shouldKeepFiles: false });
    expect(await job.predictions.folder.list('postprocessed')).toEqual([]);
    expect(await job.predictions.folder.has('postprocessing.pkl')).toBe(true);
  });

  test('believes a summary of these cases only, and tells of references without a prediction', async () => {
    const job = await gathered(islands);
    await job.predictions.folder.remove('case_b.nii.gz');
    const { before, missing } = await determinePostprocessing({ ...job, shouldKeepFiles: false });
    expect(before.cases).toHaveLength(3);
    expect(before.foregroundMean.Dice).toBe(1);
    expect(missing).toEqual(['case_b.nii.gz']);
  });

  test('cannot be applied to nothing', async () => {
    const { predictions } = await gathered(() => TRUTH);
    for (const caseId of CROSSVAL_CASES) await predictions.folder.remove(`${caseId}.nii.gz`);
    const job = { input: predictions.folder, output: memoryFolder(), steps: [] };
    expect(await failureOf(applyPostprocessing(job))).toMatch(/^NoCases/);
  });
});
