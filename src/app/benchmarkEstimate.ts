import { timingMs } from './benchmarkTiming';

/** Work that is still to be measured. */
export interface EstimatedPass {
  /** Of one run. */
  readonly estimatedFlops: number;
}

/** How long measurements will take, from those that are done. */
export class BenchmarkEstimate {
  /** The best so far: small networks do not fill a large GPU. */
  private flopsPerMs = 0;
  /** Planning, choosing kernels, compiling: what the last measurement took besides running. */
  private overheadMs = 0;

  get isKnown(): boolean {
    return this.flopsPerMs > 0;
  }

  /** Notes a measurement that took `wholeMs` for runs of `ms` and `flops` each. */
  learn({ ms, flops }: { readonly ms: number; readonly flops: number }, wholeMs: number): void {
    this.flopsPerMs = Math.max(this.flopsPerMs, flops / ms);
    this.overheadMs = Math.max(0, wholeMs - timingMs(ms));
  }

  /** How long measuring this will take; 0 before anything is known. */
  msOf({ estimatedFlops }: EstimatedPass): number {
    return this.isKnown ? this.overheadMs + timingMs(estimatedFlops / this.flopsPerMs) : 0;
  }

  /** The same for those of `passes` that fit into `limitMs`, one after the other. */
  msOfFitting(passes: readonly EstimatedPass[], limitMs: number): number {
    return passes.reduce((total, pass) => {
      const ms = this.msOf(pass);
      return total + ms > limitMs ? total : total + ms;
    }, 0);
  }
}
