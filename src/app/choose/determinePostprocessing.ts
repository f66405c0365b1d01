// Which largest components are worth keeping alone, tried on predictions with references. Follows nnU-Net's
// `determine_postprocessing`.

import { assertSameShape } from '@/app/evaluate/comparePair';
import { evaluateFolder, optionsOf } from '@/app/evaluate/evaluateFolder';
import {
  formatOfFolder,
  type LabelImage,
  namesWithEnding,
  readLabelMap,
  type SegmentationFormat,
  writeLabelMap,
} from '@/app/files/labelMapFiles';
import { segmentationMetrics } from '@/core/evaluation/metrics';
import {
  type CaseMetrics,
  type EvaluationSummary,
  readSummary,
  summariseCases,
  summaryJson,
} from '@/core/evaluation/summary';
import { foregroundLabels } from '@/core/interop/labels';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { fileName, readText, type SourceFile } from '@/core/io/sourceFile';
import { postprocessingJson, writePostprocessing } from '@/core/postprocessing/postprocessingFiles';
import {
  applySteps,
  doesForegroundStepHelp,
  doesLabelStepHelp,
  type PostprocessingStep,
  stepFor,
  stepForAll,
} from '@/core/postprocessing/steps';
import { yieldToEventLoop } from '@/shared/concurrency';
import { nameKey } from '@/shared/names';
import { clearFolder, type PlacedFolder, type ReadFolder, subfolder } from '@/storage/folderViews';

export interface DeterminePostprocessingRequest {
  /** `{case}{ending}`; a summary.json of these very cases is believed. `postprocessing.pkl` and `.json` come here. */
  readonly predictions: PlacedFolder;
  readonly references: PlacedFolder<ReadFolder>;
  /** Instead of those beside the predictions. */
  readonly dataset?: SourceFile | undefined;
  readonly plans?: SourceFile | undefined;
  /** Keeps label maps and summary.json of the outcome in `postprocessed/`. */
  readonly shouldKeepFiles: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PostprocessingProgress) => void) | undefined;
  /** Called when a step has been tried on all cases. */
  readonly onTrial?: ((trial: PostprocessingTrial) => void) | undefined;
}

/** `step` is what is tried; `undefined` while predictions are evaluated as they are or the outcome is written. */
interface PostprocessingProgress {
  readonly step: PostprocessingStep | undefined;
  readonly caseId: string;
  readonly done: number;
  readonly total: number;
}

/** One step, and what it does to the Dice that decides: the foreground's mean, or the label's own. */
export interface PostprocessingTrial {
  readonly step: PostprocessingStep;
  readonly diceBefore: number;
  readonly diceAfter: number;
  readonly isAccepted: boolean;
}

export interface DeterminedPostprocessing {
  /** In the order in which they are applied; none where nothing helps. */
  readonly steps: readonly PostprocessingStep[];
  readonly before: EvaluationSummary;
  readonly after: EvaluationSummary;
  readonly trials: readonly PostprocessingTrial[];
  /** References without a prediction: the decision should be made on all of the dataset. */
  readonly missing: readonly string[];
}

/** Label maps up to this many bytes are held in memory between trials; the others are read again. */
const REMEMBERED_BYTES = 256e6;

/**
 * Tries keeping the largest component of the whole foreground, then of each label or region by itself, and writes down
 * what helps. Throws what {@link evaluateFolder} throws; rejects with an `AbortError` once cancelled.
 */
export async function determinePostprocessing(
  job: DeterminePostprocessingRequest,
): Promise<DeterminedPostprocessing> {
  const { predictions, references } = job;
  const format = await formatOfFolder(predictions.folder, job);
  const question = optionsOf(format);
  const names = await namesWithEnding(predictions.folder, format.fileEnding);
  const before = await baseline(job, format, names);
  const bench = new TrialBench(job, format, names, before);

  await bench.tryStep(stepForAll(foregroundLabels(format.labels)), 'foreground');
  if (question.labels.length > 1) {
    for (const [index, each] of question.labels.entries()) await bench.tryStep(stepFor(each), index);
  }

  const { steps, trials } = bench;
  const after = withPlace(bench.current, `${predictions.location}/postprocessed`);
  await clearFolder(predictions.folder, 'postprocessed');
  if (job.shouldKeepFiles) await bench.writeOutcome(after);
  await predictions.folder.write(NNUNET_FILES.postprocessing, writePostprocessing(steps));
  await predictions.folder.write(NNUNET_FILES.postprocessingRecord, postprocessingJson(before, after, steps));
  const known = new Set(names.map(nameKey));
  const missing = (await namesWithEnding(references.folder, format.fileEnding)).filter(
    (name) => !known.has(nameKey(name)),
  );
  return { steps, before, after, trials, missing };
}

/** The summary beside the predictions, where it is of these cases; otherwise they are evaluated, and it is written. */
async function baseline(
  { predictions, references, signal, onProgress }: DeterminePostprocessingRequest,
  format: SegmentationFormat,
  names: readonly string[],
): Promise<EvaluationSummary> {
  const question = optionsOf(format);
  const file = await predictions.folder.open(NNUNET_FILES.summary);
  const known = file && readSummary(await readText(file), file.path, question.labels);
  const caseNames = known?.cases.map(({ predictionFile }) => nameOfFile(predictionFile));
  if (known && caseNames?.join('\n') === names.join('\n')) return known;
  const summary = await evaluateFolder({
    predictions,
    references,
    question,
    mayLackPredictions: true,
    signal,
    onCase: ({ caseId, done, total }) => onProgress?.({ step: undefined, caseId, done, total }),
  });
  await predictions.folder.write(NNUNET_FILES.summary, summaryJson(summary));
  return summary;
}

/** Of a path of any system. */
function nameOfFile(path: string): string {
  return fileName({ path: path.replaceAll('\\', '/') });
}

function withPlace(summary: EvaluationSummary, location: string): EvaluationSummary {
  const cases = summary.cases.map((each) => ({
    ...each,
    predictionFile: `${location}/${nameOfFile(each.predictionFile)}`,
  }));
  return { ...summary, cases };
}

interface ComparedMaps {
  readonly prediction: LabelImage;
  readonly reference: LabelImage;
}

/** What has been accepted so far, and the trying of one step more. */
class TrialBench {
  readonly steps: PostprocessingStep[] = [];
  readonly trials: PostprocessingTrial[] = [];
  current: EvaluationSummary;
  private readonly job: DeterminePostprocessingRequest;
  private readonly format: SegmentationFormat;
  private readonly names: readonly string[];
  private readonly remembered = new Map<string, ComparedMaps>();
  private rememberedBytes = 0;

  constructor(
    job: DeterminePostprocessingRequest,
    format: SegmentationFormat,
    names: readonly string[],
    before: EvaluationSummary,
  ) {
    this.job = job;
    this.format = format;
    this.names = names;
    this.current = before;
  }

  /** `target`: what has to get better, the foreground's mean or the label at an index. */
  async tryStep(step: PostprocessingStep, target: 'foreground' | number): Promise<void> {
    const after = await this.evaluate(step);
    const before = this.current;
    const isAccepted =
      target === 'foreground'
        ? doesForegroundStepHelp(before, after)
        : doesLabelStepHelp(before, after, target);
    const diceOf = ({ foregroundMean, mean }: EvaluationSummary) =>
      (target === 'foreground' ? foregroundMean : mean[target]).Dice;
    const trial = { step, diceBefore: diceOf(before), diceAfter: diceOf(after), isAccepted };
    this.trials.push(trial);
    this.job.onTrial?.(trial);
    if (!isAccepted) return;
    this.steps.push(step);
    this.current = after;
  }

  /** Metrics with the accepted steps and this one. */
  private async evaluate(step: PostprocessingStep): Promise<EvaluationSummary> {
    const question = optionsOf(this.format);
    const cases: CaseMetrics[] = [];
    for (const [i, name] of this.names.entries()) {
      await this.pause(step, i);
      const { prediction, reference } = await this.read(name);
      const { labels, shape } = prediction;
      const now = applySteps(labels, shape, this.steps);
      const then = applySteps(now, shape, [step]);
      const known = this.current.cases[i];
      const metrics =
        then === now
          ? known.metrics
          : segmentationMetrics(then, reference.labels, question.labels, question.ignoreLabel);
      cases.push({ ...known, metrics });
    }
    return summariseCases(question.labels, cases);
  }

  /** Label maps with all accepted steps, and their summary. Where there are none nnU-Net copies the descriptions too. */
  async writeOutcome(after: EvaluationSummary): Promise<void> {
    const { folder } = this.job.predictions;
    const target = subfolder(folder, 'postprocessed');
    const ending = this.format.fileEnding;
    for (const [i, name] of this.names.entries()) {
      await this.pause(undefined, i);
      const prediction =
        this.remembered.get(name)?.prediction ?? (await readLabelMap(folder, name, this.format.reader));
      const { labels, shape, geometry } = prediction;
      const outcome = applySteps(labels, shape, this.steps);
      await writeLabelMap(target, name, ending, { labels: outcome, shape, geometry });
    }
    if (this.steps.length === 0) {
      for (const name of [NNUNET_FILES.dataset, NNUNET_FILES.plans]) {
        const file = await folder.open(name);
        if (file) await target.write(name, await file.bytes());
      }
    }
    await target.write(NNUNET_FILES.summary, summaryJson(after));
  }

  private async pause(step: PostprocessingStep | undefined, index: number): Promise<void> {
    await yieldToEventLoop();
    this.job.signal?.throwIfAborted();
    const caseId = this.names[index].slice(0, -this.format.fileEnding.length);
    this.job.onProgress?.({ step, caseId, done: index + 1, total: this.names.length });
  }

  private async read(name: string): Promise<ComparedMaps> {
    const known = this.remembered.get(name);
    if (known) return known;
    const { predictions, references } = this.job;
    const [prediction, reference] = await Promise.all([
      readLabelMap(predictions.folder, name, this.format.reader),
      readLabelMap(references.folder, name, this.format.reader),
    ]);
    assertSameShape(name.slice(0, -this.format.fileEnding.length), prediction, reference);
    const maps = { prediction, reference };
    const bytes = prediction.labels.byteLength + reference.labels.byteLength;
    if (this.rememberedBytes + bytes <= REMEMBERED_BYTES) {
      this.remembered.set(name, maps);
      this.rememberedBytes += bytes;
    }
    return maps;
  }
}
