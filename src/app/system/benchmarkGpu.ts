// "Benchmark this GPU": what an adapter can do at most, and what networks reach on it, forward and in training.

import type { Gpu } from '@/gpu/device';
import type { TuningStore } from '@/gpu/tuner';
import { countFlops } from '@/graph/flops';
import { tuneGraph, tuneTraining } from '@/graph/tuneGraph';
import { topologicalOrder } from '@/graph/value';
import { isAbort, messageOf } from '@/shared/errors';
import type {
  BenchmarkFigures,
  BenchmarkPeak,
  BenchmarkProgress,
  BenchmarkRow,
  PassFigures,
  PassName,
} from '@/workers/system/api';
import { BenchmarkEstimate, defaultLimitSeconds, type EstimatedPass } from './benchmarkEstimate';
import { BENCHMARK_NETWORKS, type BenchmarkNetwork } from './benchmarkNetworks';
import { benchmarkGraph, benchmarkSetup, measureForward, measureTrainingStep } from './benchmarkPasses';
import { measureCopyRate, measureMultiplyAddPeak } from './benchmarkPeak';

export interface BenchmarkRequest {
  /** Opens the adapter; once more where a measurement lost the device. */
  readonly open: () => Promise<Gpu>;
  /**
   * What does not fit in is left out, but for the first network; `Infinity` leaves nothing out.
   * {@link defaultLimitSeconds} where not given.
   */
  readonly limitSeconds?: number | undefined;
  /** Where measured choices of kernels are remembered; without it kernels are chosen by rule. */
  readonly tuning?: TuningStore;
  readonly networks?: readonly BenchmarkNetwork[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: BenchmarkProgress) => void;
}

/** How long choosing kernels for a network may take, as before a prediction. */
const TUNING_LIMIT_MS = 4000;
/** A step computes about as much again for the gradient of the input, and for that of the weights. */
const STEP_PER_FORWARD = 3;

interface Pass extends EstimatedPass {
  readonly network: BenchmarkNetwork;
  readonly name: PassName;
}

const PEAK_NAMES = {
  f32: 'multiply-add peak, f32',
  f16: 'multiply-add peak, f16',
  copy: 'memory copy',
} as const;

/** Measures everything. Throws `NoAdapter`, `DeviceLost` outside of a network, an `AbortError` where `signal` fires. */
export async function benchmarkGpu(job: BenchmarkRequest): Promise<BenchmarkFigures> {
  const { signal, tuning, networks = BENCHMARK_NETWORKS } = job;
  const startedAt = Date.now();
  const started = performance.now();
  const spentMs = () => performance.now() - started;
  let gpu = await job.open();
  try {
    const { facts } = gpu;
    const limitMs = 1000 * (job.limitSeconds ?? defaultLimitSeconds(facts));
    const passes = networks.flatMap(passesOf);
    const steps = (facts.hasF16 ? 3 : 2) + passes.length;
    const estimate = new BenchmarkEstimate();
    const rows: BenchmarkRow[] = [];
    let peak: Partial<BenchmarkPeak> = {};
    const tell = (doing: string) => {
      const done = rows.length + Object.keys(peak).length;
      const [current, ...others] = passes.slice(rows.length);
      const currentMs = current ? estimate.msOf(current) : 0;
      const leftMs = currentMs + estimate.msOfFitting(others, limitMs - spentMs() - currentMs);
      job.onProgress?.({
        step: done + 1,
        steps,
        doing,
        share: estimate.isKnown ? spentMs() / (spentMs() + leftMs) : done / steps,
        secondsLeft: estimate.isKnown ? leftMs / 1000 : undefined,
        peak,
        rows: [...rows],
      });
    };

    tell(PEAK_NAMES.f32);
    const f32 = await measureMultiplyAddPeak(gpu, 'f32', signal);
    peak = { f32 };
    if (facts.hasF16) {
      tell(PEAK_NAMES.f16);
      peak = { f32, f16: await measureMultiplyAddPeak(gpu, 'f16', signal) };
    }
    tell(PEAK_NAMES.copy);
    const measuredPeak = { ...peak, f32, copy: await measureCopyRate(gpu, signal) };
    peak = measuredPeak;

    for (const pass of passes) {
      const { network, name } = pass;
      const add = (outcome: BenchmarkRow['outcome']) =>
        rows.push({ network: network.name, batch: network.batch, pass: name, outcome });
      const neededMs = estimate.msOf(pass);
      if (network !== networks[0] && spentMs() + neededMs > limitMs) {
        add({ leftOut: `no time: about ${roughly(neededMs)}` });
        continue;
      }
      tell(`${network.name}: ${name}`);
      const begun = performance.now();
      try {
        const figures = await measure(gpu, pass, tuning, signal);
        estimate.learn(pass, figures, performance.now() - begun);
        add(figures);
      } catch (error) {
        if (isAbort(error)) throw error;
        add({ leftOut: messageOf(error) });
        if (!(error instanceof Error && error.name === 'DeviceLost')) continue;
        gpu.close();
        gpu = await job.open();
      }
    }
    const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize } = gpu.limits;
    return {
      startedAt,
      seconds: spentMs() / 1000,
      limitSeconds: Number.isFinite(limitMs) ? limitMs / 1000 : undefined,
      areKernelsMeasured: tuning !== undefined,
      facts,
      limits: { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize },
      peak: measuredPeak,
      rows,
    };
  } finally {
    gpu.close();
  }
}

function passesOf(network: BenchmarkNetwork): readonly Pass[] {
  const graph = benchmarkGraph(network, 'forward');
  const flops = countFlops(graph);
  const layers = topologicalOrder(graph.outputs).length;
  return [
    { network, name: 'forward', estimatedFlops: flops, estimatedKernels: layers },
    {
      network,
      name: 'training step',
      estimatedFlops: STEP_PER_FORWARD * flops,
      estimatedKernels: STEP_PER_FORWARD * layers,
    },
  ];
}

async function measure(
  gpu: Gpu,
  { network, name }: Pass,
  tuning: TuningStore | undefined,
  signal: AbortSignal | undefined,
): Promise<PassFigures> {
  const isForward = name === 'forward';
  const tuned = (store: TuningStore) =>
    isForward
      ? tuneGraph(gpu, benchmarkGraph(network, name), store, TUNING_LIMIT_MS)
      : tuneTraining(gpu, benchmarkSetup(network), store, TUNING_LIMIT_MS);
  const options = tuning && (await tuned(tuning));
  signal?.throwIfAborted();
  const measurePass = isForward ? measureForward : measureTrainingStep;
  return measurePass(gpu, network, options, signal);
}

/** `40 s`, `8 min`, `3 h`. */
function roughly(ms: number): string {
  const minutes = ms / 60_000;
  if (minutes < 1.5) return `${Math.ceil(ms / 1000)} s`;
  return minutes < 90 ? `${Math.round(minutes)} min` : `${Math.round(minutes / 60)} h`;
}
