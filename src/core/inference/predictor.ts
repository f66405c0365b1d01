// A model made ready on a GPU: compiled once, its folds resident, any number of cases after that.

import type { NnunetModel, StateDict } from '@/core/interop/model';
import type { MedicalImage } from '@/core/io/medicalImage';
import { logitsToSegmentation } from '@/core/preprocessing/exportPrediction';
import { networkSpacing } from '@/core/preprocessing/preprocessCase';
import type { ResampleRequest } from '@/core/preprocessing/resampling';
import { transposeVolume } from '@/core/preprocessing/volumes';
import { upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import type { GpuArray } from '@/gpu/dispatch';
import type { TuningStore } from '@/gpu/tuner';
import { toZyx } from '@/nn/unet';
import { elementCount, permute, type Zyx } from '@/shared/geometry';
import { secondsSince } from '@/shared/time';
import { type CaseOutput, labelOutput, logitsOutput } from './caseOutput';
import { type CasePlan, planCase } from './casePlan';
import { checkSettings } from './checks';
import { assertFiniteLogits } from './finiteLogits';
import { exportRules } from './gridTaps';
import { predictWindows } from './predictWindows';
import {
  type CaseOptions,
  networkShape,
  type PreparedCase,
  type PrepareOptions,
  prepareCase,
} from './prepareCase';
import type { PredictSettings } from './settings';
import type { RowBlock } from './slabPlan';
import { SliceExporter } from './sliceExporter';
import { gaussianImportance } from './slidingWindow';
import { WindowAccumulator } from './windowAccumulator';
import { openWindowNetwork, type ResidentNetwork } from './windowNetwork';

/** What a case may take by default, host and GPU together, bytes. */
const DEFAULT_MEMORY_BUDGET = 2.4e9;

export interface PredictorOptions {
  readonly gpu: Gpu;
  readonly model: NnunetModel;
  readonly loadFold: (fold: string) => Promise<StateDict>;
  readonly settings: PredictSettings;
  /** Host and GPU together, bytes. A case that needs more is computed in blocks, which repeats some windows. */
  readonly memoryBudgetBytes?: number;
  /** Where measured choices of kernels are remembered; without it kernels are chosen by rule. */
  readonly tuning?: TuningStore;
}

export interface Prediction {
  /** `[z, y, x]` on the image's own grid. */
  readonly segmentation: Uint8Array | Uint16Array;
  readonly shape: Zyx;
  /** `[k, z, y, x]` on the image's own grid, where the settings ask for them. */
  readonly probabilities?: Float32Array;
  /** Host and GPU together: what the plan said, and what was held at most. */
  readonly memory: { readonly plannedBytes: number; readonly peakBytes: number };
  readonly windows: { readonly computed: number; readonly repeated: number };
  /** Seconds per stage. */
  readonly timings: Readonly<Record<'preprocessing' | 'network' | 'exporting', number>>;
}

/** Owns the network's buffers on the GPU; `close` frees them. Cases go through `predict` one at a time. */
export class GpuPredictor {
  private readonly options: PredictorOptions;
  private readonly network: ResidentNetwork;
  private readonly importance: GpuArray;
  private readonly patchSize: Zyx;

  private constructor(options: PredictorOptions, network: ResidentNetwork, importance: GpuArray) {
    this.options = options;
    this.network = network;
    this.importance = importance;
    this.patchSize = toZyx(options.model.configuration.patchSize);
  }

  /** Loads the folds and compiles. Throws `MissingFold`, `BadSettings`, or what reading the weights throws. */
  static async open(options: PredictorOptions): Promise<GpuPredictor> {
    checkSettings(options.settings, options.model);
    const network = await openWindowNetwork(options);
    const patchSize = toZyx(options.model.configuration.patchSize);
    const importance = options.settings.useGaussian
      ? gaussianImportance(patchSize)
      : new Float32Array(elementCount(patchSize)).fill(1);
    return new GpuPredictor(options, network, await upload(options.gpu, importance, 'window importance'));
  }

  /**
   * Transposes, crops, normalises and resamples as for training. The second stage of a cascade gets the first one's
   * foreground labels as further channels. Throws `ChannelCount`, and as {@link previousStageOf}.
   */
  async prepare(image: MedicalImage, options: PrepareOptions = {}): Promise<PreparedCase> {
    return prepareCase(image, this.options, options);
  }

  /** Segments a prepared case. */
  async predict(prepared: PreparedCase, options: CaseOptions = {}): Promise<Prediction> {
    const { model, settings } = this.options;
    const { shapeBeforeCropping, bboxUsedForCropping } = prepared.properties;
    const { transposeBackward } = model.plans;
    const isStreamed = exportRules(this.exportRequest(prepared)) !== undefined;
    if (settings.saveProbabilities || !isStreamed) return this.predictOnHost(prepared, options, isStreamed);

    const output = labelOutput(model.labels, shapeBeforeCropping, bboxUsedForCropping);
    const run = await this.collect(prepared, output, this.caseShape(prepared), options);
    return {
      ...run,
      segmentation: isIdentity(transposeBackward)
        ? output.volume
        : transposeVolume(output.volume, shapeBeforeCropping, transposeBackward),
      shape: permute(shapeBeforeCropping, transposeBackward),
    };
  }

  /** Mean logits on the network's own grid, `[k, z, y, x]`: what nnU-Net's predictor returns before its export. */
  async predictLogits(prepared: PreparedCase, options: CaseOptions = {}): Promise<Float32Array> {
    const shape = networkShape(prepared);
    const { labels, plans } = this.options.model;
    const output = logitsOutput(labels.outputChannels, shape, plans.transposeBackward);
    await this.collect(prepared, output, shape, options);
    assertFiniteLogits(output.logits);
    return output.logits;
  }

  /** Frees everything on the GPU. */
  close(): void {
    this.network.destroy();
    this.importance.buffer.destroy();
  }

  /** With all logits on the host: for probabilities, and for plans that resample logits with wide splines. */
  private async predictOnHost(
    prepared: PreparedCase,
    options: CaseOptions,
    isStreamed: boolean,
  ): Promise<Prediction> {
    const { model, settings } = this.options;
    const shape = isStreamed ? this.caseShape(prepared) : networkShape(prepared);
    const output = logitsOutput(model.labels.outputChannels, shape, model.plans.transposeBackward);
    const run = await this.collect(prepared, output, shape, options);
    assertFiniteLogits(output.logits);
    const started = performance.now();
    const exported = logitsToSegmentation({
      ...model,
      logits: output.logits,
      shape,
      properties: prepared.properties,
      shouldReturnProbabilities: settings.saveProbabilities,
    });
    return {
      ...run,
      ...exported,
      shape: permute(prepared.properties.shapeBeforeCropping, model.plans.transposeBackward),
      timings: { ...run.timings, exporting: run.timings.exporting + secondsSince(started) },
    };
  }

  /** Runs all windows and hands every finished chunk of a grid of `outShape` to `output`. */
  private async collect(
    prepared: PreparedCase,
    output: CaseOutput,
    outShape: Zyx,
    { signal, onProgress }: CaseOptions,
  ): Promise<Pick<Prediction, 'memory' | 'windows' | 'timings'>> {
    const { gpu, model, settings } = this.options;
    const hostBytes = prepared.data.byteLength + output.hostBytes;
    const plan = this.planFor(prepared, outShape, hostBytes);
    gpu.memory.peakBytes = gpu.memory.currentBytes;
    const started = performance.now();
    let exporting = 0;
    await this.withBuffers(plan, async (accumulator, exporter) => {
      let nextSlice = 0;
      let currentBlock: RowBlock | undefined;
      const onSlices = async (block: RowBlock, end: number) => {
        const exportStarted = performance.now();
        if (block !== currentBlock) nextSlice = 0;
        currentBlock = block;
        const first = nextSlice;
        while (nextSlice < outShape[0] && plan.taps[0].upper[nextSlice] < end) nextSlice++;
        for (const chunk of exporter.chunks(block, first, nextSlice))
          await output.take(exporter, block, chunk);
        exporting += secondsSince(exportStarted);
      };
      await predictWindows(gpu, {
        ...plan,
        data: prepared.data,
        channels: prepared.shape[0],
        shape: networkShape(prepared),
        patchSize: this.patchSize,
        mirrorAxes: settings.useMirroring ? model.mirrorAxes.map(this.toVolumeAxis) : [],
        plan: plan.slabs,
        network: this.network,
        accumulator,
        onSlices,
        onProgress: (share) =>
          onProgress?.({ stage: 'network', share, secondsLeft: timeLeft(started, share) }),
        ...(signal && { signal }),
      });
    });
    return {
      memory: { plannedBytes: plan.plannedBytes, peakBytes: gpu.memory.peakBytes + hostBytes },
      windows: { computed: plan.slabs.windows, repeated: plan.slabs.repeatedWindows },
      timings: { preprocessing: prepared.seconds, network: secondsSince(started) - exporting, exporting },
    };
  }

  private async withBuffers(
    plan: CasePlan,
    work: (accumulator: WindowAccumulator, exporter: SliceExporter) => Promise<void>,
  ): Promise<void> {
    const { gpu, model } = this.options;
    const { paddedShape } = plan.padding;
    const accumulator = await WindowAccumulator.create(gpu, {
      plan: plan.slabs,
      paddedShape,
      patchSize: this.patchSize,
      logits: this.network.output,
      importance: this.importance,
      classes: model.labels.outputChannels,
    });
    try {
      const exporter = await SliceExporter.create(
        gpu,
        {
          plan: plan.slabs,
          taps: plan.taps,
          outShape: plan.outShape,
          width: paddedShape[2],
          labels: model.labels,
        },
        accumulator,
      );
      try {
        await work(accumulator, exporter);
      } finally {
        exporter.destroy();
      }
    } finally {
      accumulator.destroy();
    }
  }

  private planFor(prepared: PreparedCase, outShape: Zyx, hostBytes: number): CasePlan {
    const { gpu, model, settings, memoryBudgetBytes = DEFAULT_MEMORY_BUDGET } = this.options;
    const shape = networkShape(prepared);
    const isNetworkGrid = outShape.every((size, axis) => size === shape[axis]);
    const rules = isNetworkGrid ? undefined : exportRules(this.exportRequest(prepared));
    return planCase({
      shape,
      outShape,
      rules: rules ?? ['nearest', 'nearest', 'nearest'],
      patchSize: this.patchSize,
      tileStepSize: settings.tileStepSize,
      inputChannels: prepared.shape[0],
      classes: model.labels.outputChannels,
      networkBytes: this.network.plannedBytes,
      hostBytes,
      bindingLimit: gpu.limits.maxStorageBufferBindingSize,
      budgetBytes: memoryBudgetBytes,
    });
  }

  /** Grid of the cropped case, on which labels are decided. */
  private caseShape(prepared: PreparedCase): Zyx {
    return prepared.properties.shapeAfterCroppingAndBeforeResampling;
  }

  private exportRequest(prepared: PreparedCase): ResampleRequest {
    const { configuration } = this.options.model;
    const { spacingTransposed } = prepared.properties;
    return {
      shape: networkShape(prepared),
      newShape: this.caseShape(prepared),
      spacing: networkSpacing(configuration, spacingTransposed),
      newSpacing: spacingTransposed,
      resampling: configuration.resamplingProbabilities,
    };
  }

  /** A 2D network's axes 0, 1 are the volume's 1, 2. */
  private readonly toVolumeAxis = (axis: number): number =>
    axis + 3 - this.options.model.configuration.patchSize.length;
}

function isIdentity(order: readonly number[]): boolean {
  return order.every((axis, i) => axis === i);
}

function timeLeft(started: number, share: number): number {
  return (secondsSince(started) / share) * (1 - share);
}
