import type { AdapterFacts } from '@/gpu/device';

export type PassName = 'forward' | 'training step';

/** What one pass of one network takes. */
export interface PassFigures {
  /** Of one run: the median of the samples. */
  readonly ms: number;
  readonly samples: number;
  /** Floating-point operations of one run, in convolutions; padding counts as work. */
  readonly flops: number;
  readonly dispatches: number;
  readonly plannedBytes: number;
  readonly allocatedBytes: number;
  readonly compileMs: number;
}

/** A line of the report: what was measured, or why it was not. */
export interface BenchmarkRow {
  readonly network: string;
  readonly batch: number;
  readonly pass: PassName;
  readonly outcome: PassFigures | { readonly leftOut: string };
}

/** What the adapter can do at most. */
export interface BenchmarkPeak {
  /** Floating-point operations a second, two per multiply-add. */
  readonly f32: number;
  /** The same in halves, where the adapter has them. */
  readonly f16?: number;
  /** Bytes a second, read and written ones together. */
  readonly copy: number;
}

/** All figures of one adapter. Plain data: it crosses to workers and into storage. */
export interface BenchmarkFigures {
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly seconds: number;
  /** `undefined`: there was none. */
  readonly limitSeconds: number | undefined;
  readonly areKernelsMeasured: boolean;
  readonly facts: AdapterFacts;
  readonly limits: Readonly<
    Pick<
      GPUSupportedLimits,
      'maxBufferSize' | 'maxStorageBufferBindingSize' | 'maxComputeWorkgroupStorageSize'
    >
  >;
  readonly peak: BenchmarkPeak;
  readonly rows: readonly BenchmarkRow[];
}

export interface BenchmarkProgress {
  /** What is measured now, from 1. */
  readonly step: number;
  readonly steps: number;
  /** `64×64×64, features 16 to 128: training step`. */
  readonly doing: string;
  /** Of the time as far as it can be told, 0…1. */
  readonly share: number;
  /** From the rates measured so far; `undefined` before there is one. */
  readonly secondsLeft: number | undefined;
  readonly peak: Partial<BenchmarkPeak>;
  readonly rows: readonly BenchmarkRow[];
}

/** Measuring, on a device of its own, off the page's thread. */
export interface BenchmarkApi {
  /**
   * What does not fit into `limitSeconds` is left out, but for the first network; the usual limit of the adapter where
   * not given, none where `Infinity`. Throws `NoAdapter`.
   */
  run(
    limitSeconds: number | undefined,
    onProgress: (progress: BenchmarkProgress) => void,
  ): Promise<BenchmarkFigures>;
}
