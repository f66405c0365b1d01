// Networks that the benchmarks run.
import {
  BENCHMARK_NETWORKS,
  type BenchmarkNetwork,
  plainUNet,
  residualUNet,
} from '@/app/system/benchmarkNetworks';
import { benchmarkGraph } from '@/app/system/benchmarkPasses';
import { measureMultiplyAddPeak } from '@/app/system/benchmarkPeak';
import { formatRate, passCells } from '@/app/system/benchmarkReport';
import type { Gpu } from '@/gpu/device';
import { countFlops } from '@/graph/flops';
import type { PassFigures } from '@/workers/system/api';
import type { BenchOptions } from '../bench/bench';

/** Of a forward pass, at most, where a software adapter is to take seconds. */
const SMALL_FLOPS = 200e9;

const NETWORKS: readonly BenchmarkNetwork[] = [
  ...BENCHMARK_NETWORKS,
  {
    name: '2D 512×512, features 32 to 512',
    architecture: plainUNet(2, [32, 64, 128, 256, 512, 512, 512]),
    patchSize: [512, 512],
    batch: 1,
  },
  {
    name: 'ResEnc, 64×64×64, features 32 to 256',
    architecture: residualUNet([32, 64, 128, 256], [1, 3, 4, 6]),
    patchSize: [64, 64, 64],
    batch: 1,
  },
];

/** All networks, or those that do not take minutes on a software adapter; says which it leaves out. */
export function benchNetworks({ facts }: Gpu, { isExhaustive }: BenchOptions): readonly BenchmarkNetwork[] {
  if (isExhaustive || !facts.isSoftware) return NETWORKS;
  const isSmall = (network: BenchmarkNetwork) =>
    countFlops(benchmarkGraph(network, 'forward')) <= SMALL_FLOPS;
  const left = NETWORKS.filter((network) => !isSmall(network)).map(titleOf);
  console.log(`  left out on a software adapter (-- --all runs them): ${left.join('; ')}`);
  return NETWORKS.filter(isSmall);
}

/** Name and batch. */
export function titleOf({ name, batch }: BenchmarkNetwork): string {
  return `${name}, batch ${batch}`;
}

/** Multiply-adds a second that rates are compared with, two operations each. */
export async function printedPeak(gpu: Gpu): Promise<{ readonly f32: number }> {
  const f32 = await measureMultiplyAddPeak(gpu, 'f32');
  console.log(`  multiply-add peak ${formatRate(f32, 'FLOP/s')}, f32`);
  return { f32 };
}

/** Two lines on what was measured. */
export function printPass(name: string, figures: PassFigures, peak: { readonly f32: number }): void {
  const [ms, gflop, rate, share, dispatches, planned, allocated, compiled] = passCells(figures, peak);
  console.log(
    `  ${name.padEnd(14)} ${ms} ms for ${gflop} GFLOP: ${rate} GFLOP/s, ${share} of the peak\n` +
      `  ${''.padEnd(14)} ${dispatches} dispatches, compiled in ${compiled}; planned ${planned}, allocated ${allocated}`,
  );
}
