// A model run by onnxruntime on the processor: windows, mirroring, averaging, resampling and labels are the same as on the
// GPU, with everything kept on the host. For machines without WebGPU, and for networks with operators unknown to us.

import { fileOfWeights } from '@/core/interop/foreignNetwork';
import type { NnunetModel, StateDict } from '@/core/interop/model';
import { exportUNetToOnnx } from '@/core/interop/onnxExport';
import { inputChannelsOf } from '@/core/interop/onnxModel';
import type { MedicalImage } from '@/core/io/medicalImage';
import { logitsToLabels, logitsToSegmentation } from '@/core/preprocessing/exportPrediction';
import { toZyx } from '@/nn/unet';
import { yieldToEventLoop } from '@/shared/concurrency';
import { elementCount, permute, type Zyx } from '@/shared/geometry';
import { secondsSince } from '@/shared/time';
import { activationToLogits, toChannelsFirst, toFileOrder } from './channelOrder';
import { checkSettings } from './checks';
import { cutWindow } from './cutWindow';
import { assertFiniteLogits } from './finiteLogits';
import { type OnnxRuntimeSetup, type OnnxSession, openOnnxSession } from './onnxRuntime';
import type { GpuPredictor, Prediction } from './predictor';
import {
  type CaseOptions,
  networkShape,
  type PreparedCase,
  type PrepareOptions,
  prepareCase,
} from './prepareCase';
import type { PredictSettings } from './settings';
import { gaussianImportance, mirrorCombinations, paddingToPatch, windowStarts } from './slidingWindow';
import { mirrorWindow, WindowSums } from './windowSums';

/** A model made ready, whatever computes it. */
export type CasePredictor = Pick<GpuPredictor, 'prepare' | 'predict' | 'predictLogits' | 'close'>;

export interface OnnxPredictorOptions {
  readonly model: NnunetModel;
  readonly loadFold: (fold: string) => Promise<StateDict>;
  readonly settings: PredictSettings;
  readonly runtime: OnnxRuntimeSetup;
}

/** Holds one fold's network at a time in onnxruntime; `close` gives its memory back. */
export class OnnxPredictor implements CasePredictor {
  private readonly options: OnnxPredictorOptions;
  private readonly patchSize: Zyx;
  private readonly importance: Float32Array;
  private open: { readonly fold: string; readonly session: OnnxSession } | undefined;

  private constructor(options: OnnxPredictorOptions) {
    this.options = options;
    this.patchSize = toZyx(options.model.configuration.patchSize);
    this.importance = options.settings.useGaussian
      ? gaussianImportance(this.patchSize)
      : new Float32Array(elementCount(this.patchSize)).fill(1);
  }

  /**
   * Loads the first fold. Throws `MissingFold`, `BadSettings`, `OnnxRuntime`, or what reading the weights throws.
   */
  static async open(options: OnnxPredictorOptions): Promise<OnnxPredictor> {
    checkSettings(options.settings, options.model);
    const predictor = new OnnxPredictor(options);
    await predictor.sessionOf(options.settings.folds[0]);
    return predictor;
  }

  /** As {@link GpuPredictor.prepare}. */
  prepare(image: MedicalImage, options: PrepareOptions = {}): Promise<PreparedCase> {
    return prepareCase(image, { model: this.options.model }, options);
  }

  /** As {@link GpuPredictor.predict}. */
  async predict(prepared: PreparedCase, options: CaseOptions = {}): Promise<Prediction> {
    const { model, settings } = this.options;
    const started = performance.now();
    const { logits, windows, sumsBytes } = await this.run(prepared, options);
    const network = secondsSince(started);
    const exportStarted = performance.now();
    options.onProgress?.({ stage: 'exporting', share: 0 });
    const job = { ...model, logits, shape: networkShape(prepared), properties: prepared.properties };
    const exported = settings.saveProbabilities
      ? logitsToSegmentation({ ...job, shouldReturnProbabilities: true })
      : { segmentation: logitsToLabels(job) };
    const bytes = sumsBytes + prepared.data.byteLength;
    return {
      ...exported,
      shape: permute(prepared.properties.shapeBeforeCropping, model.plans.transposeBackward),
      memory: { plannedBytes: bytes, peakBytes: bytes },
      windows: { computed: windows, repeated: 0 },
      timings: { preprocessing: prepared.seconds, network, exporting: secondsSince(exportStarted) },
    };
  }

  /** As {@link GpuPredictor.predictLogits}. */
  async predictLogits(prepared: PreparedCase, options: CaseOptions = {}): Promise<Float32Array> {
    return (await this.run(prepared, options)).logits;
  }

  /** Seconds that one window takes with one fold, unmirrored: measured on a window of zeros, after one to warm up. */
  async measureWindow(): Promise<number> {
    const { model, settings } = this.options;
    const session = await this.sessionOf(settings.folds[0]);
    const window = new Float32Array(inputChannelsOf(model) * elementCount(this.patchSize));
    await this.logitsOf(session, window);
    const started = performance.now();
    await this.logitsOf(session, window);
    return secondsSince(started);
  }

  /** Gives the network's memory back. */
  close(): void {
    void this.open?.session.close();
    this.open = undefined;
  }

  /** All windows, mirrored passes and folds of a case, fold by fold: only one network is in memory. */
  private async run(
    prepared: PreparedCase,
    { signal, onProgress }: CaseOptions,
  ): Promise<{ logits: Float32Array; windows: number; sumsBytes: number }> {
    const { model, settings } = this.options;
    const { patchSize } = this;
    const shape = networkShape(prepared);
    const padding = paddingToPatch(shape, patchSize);
    const starts = windowStarts(padding.paddedShape, patchSize, settings.tileStepSize);
    const windows = starts.reduce((n, { length }) => n * length, 1);
    const views = mirrorCombinations(settings.useMirroring ? model.mirrorAxes.map(this.toVolumeAxis) : []);
    const sums = new WindowSums({
      classes: model.labels.outputChannels,
      shape,
      padding,
      patchSize,
      importance: this.importance,
      transposeBackward: model.plans.transposeBackward,
    });
    const image = { data: prepared.data, channels: prepared.shape[0], shape, padding };
    const window = new Float32Array(prepared.shape[0] * elementCount(patchSize));
    const view = new Float32Array(window.length);
    const total = windows * views.length * settings.folds.length;
    const started = performance.now();
    let done = 0;
    for (const [i, fold] of settings.folds.entries()) {
      const session = await this.sessionOf(fold);
      for (const start of everyStart(starts)) {
        cutWindow(image, start, patchSize, window);
        for (const [j, mirroredAxes] of views.entries()) {
          await yieldToEventLoop();
          signal?.throwIfAborted();
          mirrorWindow(window, patchSize, mirroredAxes, view);
          const logits = await this.logitsOf(session, view);
          const share = 1 / (views.length * settings.folds.length);
          sums.add({ start, mirroredAxes, addsWeight: i === 0 && j === 0, share }, logits);
          done++;
          const secondsLeft = (secondsSince(started) / done) * (total - done);
          onProgress?.({ stage: 'network', share: done / total, secondsLeft });
        }
      }
    }
    const logits = sums.meanLogits();
    assertFiniteLogits(logits);
    return { logits, windows, sumsBytes: sums.byteLength };
  }

  /** Logits `[k, z, y, x]` of one window `[c, z, y, x]`. */
  private async logitsOf(session: OnnxSession, window: Float32Array): Promise<Float32Array> {
    const { model } = this.options;
    const { foreignNetwork, configuration, labels } = model;
    const channels = inputChannelsOf(model);
    const channelsAre = foreignNetwork?.channelsAre ?? 'first';
    const { values, shape } = toFileOrder(window, channels, configuration.patchSize, channelsAre);
    const output = await session.run(values, shape);
    const logits = toChannelsFirst(output, labels.outputChannels, configuration.patchSize, channelsAre);
    return activationToLogits(logits, foreignNetwork?.activation ?? 'none');
  }

  private async sessionOf(fold: string): Promise<OnnxSession> {
    if (this.open?.fold === fold) return this.open.session;
    await this.open?.session.close();
    this.open = undefined;
    const { model, loadFold, runtime } = this.options;
    const weights = await loadFold(fold);
    const session = await openOnnxSession(onnxOf(model, weights), runtime);
    this.open = { fold, session };
    return session;
  }

  /** A 2D network's axes 0, 1 are the volume's 1, 2. */
  private readonly toVolumeAxis = (axis: number): number =>
    axis + 3 - this.options.model.configuration.patchSize.length;
}

/** The network as the bytes of a `.onnx` file: the one that was given, or nnU-Net's own written. */
function onnxOf(model: NnunetModel, weights: StateDict): Uint8Array {
  if (model.foreignNetwork) return fileOfWeights(weights);
  const { architecture, patchSize } = model.configuration;
  const options = {
    inputChannels: inputChannelsOf(model),
    outputChannels: model.labels.outputChannels,
    batch: 1,
    patchSize,
    deepSupervision: false,
  };
  return exportUNetToOnnx(architecture, options, weights);
}

function* everyStart([zs, ys, xs]: readonly (readonly number[])[]): Generator<Zyx> {
  for (const z of zs) for (const y of ys) for (const x of xs) yield [z, y, x];
}
