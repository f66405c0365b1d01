// nnU-Net's predictor as library functions: one array, a list, an iterator here; files in batch in predictFolder.ts.

import { type CasePredictor, OnnxPredictor } from '@/core/inference/onnxPredictor';
import type { OnnxRuntimeSetup } from '@/core/inference/onnxRuntime';
import { GpuPredictor, type Prediction } from '@/core/inference/predictor';
import type { CaseOptions, PreparedCase, PrepareOptions } from '@/core/inference/prepareCase';
import type { LabelMap } from '@/core/inference/previousStage';
import type { PredictProgress, PredictSettings } from '@/core/inference/settings';
import type { NnunetModel, StateDict } from '@/core/interop/model';
import type { MedicalImage } from '@/core/io/medicalImage';
import { newGeometry } from '@/core/io/niftiWriter';
import type { Gpu } from '@/gpu/device';
import type { TuningStore } from '@/gpu/tuner';
import { isAbort } from '@/shared/errors';
import { withDeviceRestart } from './deviceRestart';

export interface PredictionOptions {
  readonly model: NnunetModel;
  readonly loadFold: (fold: string) => Promise<StateDict>;
  readonly settings: PredictSettings;
  /** Called once, and once more whenever the device is lost. */
  readonly openGpu: () => Promise<Gpu>;
  /** Host and GPU together, bytes. */
  readonly memoryBudgetBytes?: number;
  /** Where kernels measured on this adapter are remembered. Software adapters, whose ranking is known, are not measured. */
  readonly tuning?: TuningStore;
  /** `cpu`: onnxruntime's WebAssembly computes, and no GPU is opened. Default `gpu`. */
  readonly device?: 'gpu' | 'cpu';
  /** Where onnxruntime is found, for `cpu` and for networks that only it can run. */
  readonly runtime?: OnnxRuntimeSetup;
}

/** An image that comes from no file. */
export type CaseArray = Pick<MedicalImage, 'data' | 'channels' | 'shape' | 'spacing'>;

/** What one prediction starts from. */
export interface CaseInput {
  readonly image: MedicalImage;
  /** For the second stage of a cascade: the first one's segmentation, on the image's own grid. */
  readonly previousStage?: LabelMap | undefined;
}

/** One of several images on its way: what was asked for, and what came of it. */
export type CaseOutcome<Item> =
  | {
      readonly item: Item;
      readonly image: MedicalImage;
      readonly properties: PreparedCase['properties'];
      readonly prediction: Prediction;
    }
  | { readonly item: Item; readonly error: unknown };

/** How several images are watched and stopped. */
export interface BatchOptions<Item> {
  readonly signal?: AbortSignal;
  readonly onProgress?: (item: Item, progress: PredictProgress) => void;
}

type ReadyItem<Item> =
  | { readonly item: Item; readonly image: MedicalImage; readonly prepared: PreparedCase }
  | { readonly item: Item; readonly error: unknown };

interface OpenPredictor {
  readonly predictor: CasePredictor;
  readonly lost: Promise<GPUDeviceLostInfo>;
  close(): void;
}

/** Whether onnxruntime computes, on the processor: asked for, or because our kernels lack an operator. */
export function runsOnProcessor({ model, device }: Pick<PredictionOptions, 'model' | 'device'>): boolean {
  return device === 'cpu' || model.foreignNetwork?.engine === 'onnxruntime';
}

/**
 * A model held ready on a device for any number of images. A device that is lost in the middle of an image is opened
 * anew and the image begun again, once. `close` gives the device back.
 */
export class PredictionSession {
  private readonly options: PredictionOptions;
  private opening: Promise<OpenPredictor> | undefined;

  constructor(options: PredictionOptions) {
    this.options = options;
  }

  /** Opens the device and loads the model, which the first image would do otherwise. Throws where it cannot be run. */
  async load(): Promise<void> {
    await this.open();
  }

  /** Segments one image. */
  async predictArray(image: CaseArray, options: PrepareOptions = {}): Promise<Prediction> {
    return this.predict(await this.prepare(withGeometry(image), options), options);
  }

  /** Segments several images; results in their order. The first that fails ends it with its error. */
  async predictArrays(
    images: readonly CaseArray[],
    options: BatchOptions<CaseArray> = {},
  ): Promise<readonly Prediction[]> {
    const predictions: Prediction[] = [];
    for await (const prediction of this.predictFromIterator(images, options)) predictions.push(prediction);
    return predictions;
  }

  /** Segments images as they come, one prepared ahead of the one on the GPU. Errors as {@link predictArrays}. */
  async *predictFromIterator(
    images: Iterable<CaseArray> | AsyncIterable<CaseArray>,
    options: BatchOptions<CaseArray> = {},
  ): AsyncGenerator<Prediction> {
    const read = async (image: CaseArray): Promise<CaseInput> => ({ image: withGeometry(image) });
    for await (const outcome of this.predictEach(images, read, options)) {
      if ('error' in outcome) throw outcome.error;
      yield outcome.prediction;
    }
  }

  /**
   * Reads, prepares and segments `items` in order; while one is on the GPU the next is read and prepared. An item that
   * fails is an outcome with its error, and the others go on. Cancelling throws an `AbortError`.
   */
  async *predictEach<Item>(
    items: Iterable<Item> | AsyncIterable<Item>,
    read: (item: Item) => Promise<CaseInput>,
    { signal, onProgress }: BatchOptions<Item> = {},
  ): AsyncGenerator<CaseOutcome<Item>> {
    const optionsOf = (item: Item): CaseOptions => ({
      ...(signal && { signal }),
      onProgress: (progress) => onProgress?.(item, progress),
    });
    const prepareItem = async (item: Item): Promise<ReadyItem<Item>> => {
      try {
        onProgress?.(item, { stage: 'reading', share: 0 });
        const { image, previousStage } = await read(item);
        const prepared = await this.prepare(image, { ...optionsOf(item), previousStage });
        return { item, image, prepared };
      } catch (error) {
        return { item, error };
      }
    };
    for await (const ready of oneAhead(items, prepareItem)) {
      signal?.throwIfAborted();
      if ('error' in ready) {
        if (isAbort(ready.error)) throw ready.error;
        yield ready;
        continue;
      }
      const { item, image, prepared } = ready;
      yield await this.predict(prepared, optionsOf(item)).then(
        (prediction) => ({ item, image, properties: prepared.properties, prediction }),
        (error: unknown) => {
          if (isAbort(error)) throw error;
          return { item, error };
        },
      );
    }
  }

  /** Segments a case that was preprocessed before. */
  predict(prepared: PreparedCase, options: CaseOptions = {}): Promise<Prediction> {
    return this.onDevice((predictor) => predictor.predict(prepared, options));
  }

  /** Its mean logits on the network's own grid, `[k, z, y, x]`. */
  predictLogits(prepared: PreparedCase, options: CaseOptions = {}): Promise<Float32Array> {
    return this.onDevice((predictor) => predictor.predictLogits(prepared, options));
  }

  /** Seconds that one window takes on the processor; `undefined` where a GPU computes. Loads the model first. */
  async measureWindow(): Promise<number | undefined> {
    const { predictor } = await this.open();
    return predictor instanceof OnnxPredictor ? predictor.measureWindow() : undefined;
  }

  /** Gives the device back. */
  async close(): Promise<void> {
    const open = await this.opening?.catch(() => undefined);
    this.opening = undefined;
    open?.close();
  }

  private prepare(image: MedicalImage, options: PrepareOptions): Promise<PreparedCase> {
    return this.onDevice((predictor) => predictor.prepare(image, options));
  }

  private onDevice<Result>(work: (predictor: CasePredictor) => Promise<Result>): Promise<Result> {
    return withDeviceRestart(
      () => this.open(),
      ({ predictor }) => work(predictor),
    );
  }

  private open(): Promise<OpenPredictor> {
    this.opening ??= this.openPredictor();
    return this.opening;
  }

  private async openPredictor(): Promise<OpenPredictor> {
    try {
      if (runsOnProcessor(this.options)) return await this.openOnProcessor();
      const { openGpu, tuning, ...options } = this.options;
      const gpu = await openGpu();
      void gpu.lost.then(() => {
        this.opening = undefined;
      });
      const measured = !gpu.facts.isSoftware && tuning ? { tuning } : {};
      const predictor = await GpuPredictor.open({ ...options, ...measured, gpu });
      const close = () => {
        predictor.close();
        gpu.close();
      };
      return { predictor, lost: gpu.lost, close };
    } catch (error) {
      this.opening = undefined;
      throw error;
    }
  }

  private async openOnProcessor(): Promise<OpenPredictor> {
    const { model, loadFold, settings, runtime = ONE_THREAD } = this.options;
    const predictor = await OnnxPredictor.open({ model, loadFold, settings, runtime });
    return { predictor, lost: new Promise(() => undefined), close: () => predictor.close() };
  }
}

const ONE_THREAD: OnnxRuntimeSetup = { threads: 1 };

function withGeometry(image: CaseArray): MedicalImage {
  return { ...image, geometry: newGeometry(image.shape, image.spacing), warnings: [] };
}

/**
 * Maps `items` in order; while a result is being used, the next item is fetched and mapped. A result never waits for
 * the item after it. `map` must not throw.
 */
async function* oneAhead<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  map: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const iterator = asyncIteratorOf(items);
  const begin = async () => {
    const { done, value } = await iterator.next();
    return done ? undefined : { result: await map(value) };
  };
  try {
    let upcoming = begin();
    for (;;) {
      const current = await upcoming;
      if (!current) return;
      upcoming = begin();
      upcoming.catch(() => undefined); // told when its turn comes
      yield current.result;
    }
  } finally {
    await iterator.return?.();
  }
}

async function* asyncIteratorOf<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
): AsyncGenerator<Item, void> {
  yield* items;
}
