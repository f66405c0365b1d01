import type { PredictProgress } from '@/core/inference/settings';
import type { AdapterFacts } from '@/gpu/device';
import type { CaseRecord, PredictRequest, StoredCaseResult } from '@/storage/caseRecord';

/** What the System place shows of the device. */
export interface GpuReport {
  readonly facts: AdapterFacts;
  /** Limits by WebGPU's names. */
  readonly limits: Readonly<Record<string, number>>;
}

/** What a running case tells. */
export type CaseProgress = PredictProgress & {
  readonly restarts: number;
  /** Of a cascade: which of its two stages it is at. */
  readonly cascadeStage?: 1 | 2;
  /** Of an ensemble: which of its models it is at, from 1. */
  readonly member?: { readonly number: number; readonly count: number };
};

/** Predicting, on the one GPU device of its worker. */
export interface PredictApi {
  /** Opens the device, once. Throws `NoAdapter` where there is none. */
  openGpu(): Promise<GpuReport>;
  /** Segments a case and keeps the result in its folder. Throws an `AbortError` once {@link PredictApi.cancel} was called. */
  predict(
    caseRecord: CaseRecord,
    job: PredictRequest,
    onProgress: (progress: CaseProgress) => void,
  ): Promise<StoredCaseResult>;
  /** Seconds that one window of a job takes on the processor; `undefined` where a GPU computes. */
  measureWindow(job: PredictRequest): Promise<number | undefined>;
  cancel(id: string): void;
}
