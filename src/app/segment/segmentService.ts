import type { OnnxRuntimeSetup } from '@/core/inference/onnxRuntime';
import type { Prediction } from '@/core/inference/predictor';
import type { LabelSet } from '@/core/interop/labels';
import { imageWarnings } from '@/core/io/emptyImage';
import type { MedicalImage } from '@/core/io/medicalImage';
import { writeSegmentation } from '@/core/io/niftiWriter';
import { writeNpz } from '@/core/io/npy';
import { readCase } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import { applySteps } from '@/core/postprocessing/steps';
import { type Gpu, openGpu } from '@/gpu/device';
import type { TuningStore } from '@/gpu/tuner';
import { secondsSince } from '@/shared/time';
import type { CaseFileStore } from '@/storage/caseFiles';
import {
  type CaseRecord,
  type LabelVolume,
  PROBABILITIES_FILE,
  type PredictRequest,
  type PreviousStageRequest,
  SEGMENTATION_FILE,
  type StoredCaseResult,
} from '@/storage/caseRecord';
import type { ModelLibrary, ModelRecord } from '@/storage/modelLibrary';
import type { CaseProgress, GpuReport } from '@/workers/segment/api';
import { EnsembleOfPredictions, largerMemory, summedTimings } from './ensembleOfPredictions';
import { PredictionSession } from './predictionSession';

interface Options {
  readonly library: ModelLibrary;
  readonly caseFiles: CaseFileStore;
  readonly webgpu: GPU | undefined;
  /** Where kernels measured on this adapter are remembered. */
  readonly tuning: TuningStore;
  /** What computes where there is no GPU, or where a network needs it. */
  readonly runtime: OnnxRuntimeSetup;
}

/** How one case is watched and stopped. */
interface Watch {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: CaseProgress) => void;
}

/** The same without the count of lost devices. */
interface CaseWatch {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Omit<CaseProgress, 'restarts'>) => void;
}

/** What one model made of a case. */
interface ModelRun {
  readonly model: ModelRecord;
  readonly image: MedicalImage;
  readonly prediction: Prediction;
  /** Getting model and image ready, seconds. */
  readonly secondsReading: number;
}

/** The model and settings that are ready on the device. */
interface Ready {
  readonly key: string;
  readonly model: ModelRecord;
  readonly session: PredictionSession;
}

/** Segments kept cases, one at a time, on one device; a model stays ready on it while the next case wants the same. */
export class SegmentService {
  private readonly needs: Options;
  private ready: Ready | undefined;
  /** Opened to report on it, for the first session to take. */
  private spare: Gpu | undefined;
  private adapterFound: Promise<boolean> | undefined;
  private losses = 0;

  constructor(needs: Options) {
    this.needs = needs;
  }

  /** Opens the device and says what it is. Throws `NoAdapter` where there is none. */
  async describeGpu(): Promise<GpuReport> {
    this.spare ??= await this.openDevice();
    const { facts, limits } = this.spare;
    const names = new Set<string>();
    for (const name in limits) if (typeof Reflect.get(limits, name) === 'number') names.add(name);
    return {
      facts,
      limits: Object.fromEntries(Array.from(names, (name) => [name, Reflect.get(limits, name)])),
    };
  }

  /**
   * Seconds that one window of the job's first model takes on the processor, measured now; `undefined` where a GPU runs it.
   * The first stage of a cascade is not counted.
   */
  async measureWindow(job: PredictRequest): Promise<number | undefined> {
    const session = await this.sessionOf(await this.needs.library.find(job.modelId), job);
    try {
      return await session.measureWindow();
    } finally {
      await session.close();
    }
  }

  /** Reads the case, segments it with every model of the job, and writes the result into its folder. */
  async segment(
    caseRecord: CaseRecord,
    job: PredictRequest,
    { signal, onProgress }: Watch,
  ): Promise<StoredCaseResult> {
    const lossesBefore = this.losses;
    const started = performance.now();
    const restarts = () => this.losses - lossesBefore;
    const watch: CaseWatch = {
      signal,
      onProgress: (progress) => onProgress({ ...progress, restarts: restarts() }),
    };
    const { model, image, prediction, secondsReading } = await this.runAll(caseRecord, job, watch);
    const writingStarted = performance.now();
    watch.onProgress({ stage: 'writing', share: 0 });
    const segmentation = applySteps(prediction.segmentation, prediction.shape, job.postprocessing ?? []);
    const probabilities = job.settings.saveProbabilities ? prediction.probabilities : undefined;
    await this.write(caseRecord.id, image, { segmentation, shape: prediction.shape, probabilities });
    return {
      job,
      labels: labelVolumes(segmentation, model.model.labels),
      hasProbabilities: probabilities !== undefined,
      seconds: secondsSince(started),
      secondsByStage: {
        reading: secondsReading,
        ...prediction.timings,
        writing: secondsSince(writingStarted),
      },
      memory: prediction.memory,
      warnings: imageWarnings(image),
      restarts: restarts(),
      finishedAt: Date.now(),
    };
  }

  /** Every model of an ensemble, one after the other, or the one model. */
  private async runAll(caseRecord: CaseRecord, job: PredictRequest, watch: CaseWatch): Promise<ModelRun> {
    const [first, ...others] = memberJobs(job);
    if (others.length === 0) return this.runModel(caseRecord, first, watch);
    const count = others.length + 1;
    const watchOf = (number: number): CaseWatch => ({
      ...watch,
      onProgress: (progress) => watch.onProgress({ ...progress, member: { number, count } }),
    });
    const run = await this.runModel(caseRecord, first, watchOf(1));
    const ensemble = new EnsembleOfPredictions(run.model.model.labels, run.prediction);
    let { secondsReading } = run;
    for (const [i, other] of others.entries()) {
      const next = await this.runModel(caseRecord, other, watchOf(i + 2));
      ensemble.add(next.prediction, next.model);
      secondsReading += next.secondsReading;
    }
    return { ...run, prediction: ensemble.mean(), secondsReading };
  }

  /** One model on a case, in a cascade with both stages. */
  private async runModel(caseRecord: CaseRecord, job: PredictRequest, watch: CaseWatch): Promise<ModelRun> {
    if (!job.previousStage) return this.runStage(caseRecord, job, watch);
    const stageWatch = (cascadeStage: 1 | 2): CaseWatch => ({
      ...watch,
      onProgress: (progress) => watch.onProgress({ ...progress, cascadeStage }),
    });
    const before = await this.runStage(caseRecord, firstStageJob(job, job.previousStage), stageWatch(1));
    const run = await this.runStage(caseRecord, job, stageWatch(2), before);
    return {
      ...run,
      secondsReading: run.secondsReading + before.secondsReading,
      prediction: {
        ...run.prediction,
        timings: summedTimings(run.prediction.timings, before.prediction.timings),
        memory: largerMemory(run.prediction.memory, before.prediction.memory),
      },
    };
  }

  /** One model on a case; `before`: what the stage before made of it. */
  private async runStage(
    caseRecord: CaseRecord,
    job: PredictRequest,
    watch: CaseWatch,
    before?: ModelRun,
  ): Promise<ModelRun> {
    const started = performance.now();
    watch.onProgress({ stage: 'reading', share: 0 });
    const { model, session } = await this.makeReady(job);
    const image = before?.image ?? (await this.read(caseRecord, model));
    watch.signal.throwIfAborted();
    const secondsReading = secondsSince(started);
    const previousStage = before && { data: before.prediction.segmentation, shape: before.prediction.shape };
    const prediction = await session.predictArray(image, { ...watch, previousStage });
    return { model, image, prediction, secondsReading };
  }

  private async makeReady(job: PredictRequest): Promise<Ready> {
    const key = JSON.stringify([job.modelId, job.settings]);
    if (this.ready?.key === key) return this.ready;
    await this.ready?.session.close();
    this.ready = undefined;
    const model = await this.needs.library.find(job.modelId);
    this.ready = { key, model, session: await this.sessionOf(model, job) };
    return this.ready;
  }

  private async sessionOf(model: ModelRecord, { settings }: PredictRequest): Promise<PredictionSession> {
    const { library, tuning, runtime } = this.needs;
    return new PredictionSession({
      model: model.model,
      settings,
      tuning,
      loadFold: (fold) => library.loadFold(model.id, fold),
      openGpu: () => this.takeDevice(),
      device: (await this.hasGpu()) ? 'gpu' : 'cpu',
      runtime,
    });
  }

  /** Whether there is an adapter, asked for once: without one the processor computes. */
  private hasGpu(): Promise<boolean> {
    this.adapterFound ??= this.takeDevice().then(
      (gpu) => {
        this.spare = gpu;
        return true;
      },
      (error: unknown) => {
        if (error instanceof Error && error.name === 'NoAdapter') return false;
        this.adapterFound = undefined;
        throw error;
      },
    );
    return this.adapterFound;
  }

  private async read({ id, files }: CaseRecord, { model }: ModelRecord): Promise<MedicalImage> {
    const sources = await Promise.all(files.map((name) => this.needs.caseFiles.open(id, name)));
    return readCase(sources, model.plans.imageReaderWriter, { channels: model.channelNames.length });
  }

  /** Probabilities first: the segmentation is what a finished case is known by. */
  private async write(
    id: string,
    image: MedicalImage,
    { segmentation, shape, probabilities }: WrittenResult,
  ): Promise<void> {
    const { caseFiles } = this.needs;
    if (probabilities) {
      const classes = probabilities.length / segmentation.length;
      const npz = await writeNpz({ probabilities: { shape: [classes, ...shape], data: probabilities } });
      await caseFiles.write(id, memoryFile(npz, PROBABILITIES_FILE));
    }
    const nifti = await writeSegmentation(segmentation, shape, image.geometry);
    await caseFiles.write(id, memoryFile(nifti, SEGMENTATION_FILE));
  }

  private async takeDevice(): Promise<Gpu> {
    const gpu = this.spare ?? (await this.openDevice());
    this.spare = undefined;
    return gpu;
  }

  private async openDevice(): Promise<Gpu> {
    const gpu = await openGpu(this.needs.webgpu);
    void gpu.lost.then(({ reason }) => {
      if (this.spare === gpu) this.spare = undefined;
      if (reason !== 'destroyed') this.losses++;
    });
    return gpu;
  }
}

/** What is kept of a prediction. */
type WrittenResult = Pick<Prediction, 'segmentation' | 'shape'> & {
  readonly probabilities: Float32Array | undefined;
};

/** A job for each model; those of an ensemble give probabilities. */
function memberJobs({ others = [], postprocessing: _, ...first }: PredictRequest): readonly PredictRequest[] {
  if (others.length === 0) return [first];
  const settings = { ...first.settings, saveProbabilities: true };
  return [
    { ...first, settings },
    ...others.map(({ folds, ...member }) => ({ ...member, settings: { ...settings, folds } })),
  ];
}

/** The job of a cascade's first stage; of it only labels are wanted. */
function firstStageJob(
  { settings }: PredictRequest,
  { modelId, modelName, folds }: PreviousStageRequest,
): PredictRequest {
  return { modelId, modelName, settings: { ...settings, folds, saveProbabilities: false } };
}

function labelVolumes(segmentation: Uint8Array | Uint16Array, labels: LabelSet): readonly LabelVolume[] {
  const counts = new Map<number, number>();
  for (const label of segmentation) counts.set(label, (counts.get(label) ?? 0) + 1);
  return Array.from(labels.names)
    .filter(([value]) => value !== 0 && value !== labels.ignoreLabel)
    .sort(([a], [b]) => a - b)
    .map(([value, name]) => ({ value, name, voxels: counts.get(value) ?? 0 }));
}
