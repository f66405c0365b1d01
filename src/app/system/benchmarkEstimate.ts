import type { AdapterFacts } from '@/gpu/device';
import { timingMs } from './benchmarkTiming';

/** A minute for software adapters, which only small networks fit in; else five. */
export function defaultLimitSeconds({ isSoftware }: Pick<AdapterFacts, 'isSoftware'>): number {
  return isSoftware ? 60 : 300;
}

/** Work that is still to be measured. */
export interface EstimatedPass {
  /** Floating-point operations of one run. */
  readonly estimatedFlops: number;
  /** What is compiled and chosen for it grows with this. */
  readonly estimatedKernels: number;
}

/** How long measurements will take, from those that are done. */
export class BenchmarkEstimate {
  /** The best so far: small networks do not fill a large GPU. */
  private flopsPerMs = 0;
  /** Planning, choosing kernels, compiling: what the last measurement took besides running. */
  private msPerKernel = 0;

  get isKnown(): boolean {
    return this.flopsPerMs > 0;
  }

  /** Notes that `pass` took `wholeMs` in all, for runs of `ms` and `flops` each. */
  learn(
    { estimatedKernels }: EstimatedPass,
    { ms, flops }: { readonly ms: number; readonly flops: number },
    wholeMs: number,
  ): void {
    this.flopsPerMs = Math.max(this.flopsPerMs, flops / ms);
    this.msPerKernel = Math.max(0, wholeMs - timingMs(ms)) / estimatedKernels;
  }

  /** How long measuring this will take; 0 before anything is known. */
  msOf({ estimatedFlops, estimatedKernels }: EstimatedPass): number {
    if (!this.isKnown) return 0;
    return this.msPerKernel * estimatedKernels + timingMs(estimatedFlops / this.flopsPerMs);
  }

  /** The same for those of `passes` that fit into `limitMs`, one after the other. */
  msOfFitting(passes: readonly EstimatedPass[], limitMs: number): number {
    return passes.reduce((total, pass) => {
      const ms = this.msOf(pass);
      return total + ms > limitMs ? total : total + ms;
    }, 0);
  }
}
