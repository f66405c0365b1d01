// Fingerprint and preprocessing of a whole dataset, one case at once and as many as there are processors: seconds per
// case and peak memory. The MSD hippocampus cases where the shared data lies next to the project, else made ones of
// their size.
import { existsSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { extractFingerprint } from '@/app/data/extractFingerprint';
import { preprocessDataset } from '@/app/data/preprocessDataset';
import { planDataset } from '@/app/plan/planDataset';
import { openRawDataset, type RawDataset } from '@/core/dataset/rawDataset';
import { memoryFile } from '@/core/io/sourceFile';
import { plannerNamed } from '@/core/planning/planners';
import { readPlans } from '@/core/planning/readPlans';
import { plansJson } from '@/core/planning/writePlans';
import { randomNormal } from '@/shared/random';
import type { DatasetFolder } from '@/storage/datasetFolder';
import { filesBelow } from '@/storage/nodeFiles';
import { localCaseWorkers } from '@/workers/data/caseWorkers';
import { nodeCaseWorkers } from '@/workers/data/nodeCaseWorkers';
import { niftiFile } from '../support/nifti';
import { jsonBytes } from '../support/tinyDataset';
import type { BenchOptions } from './bench';

const SHARED = process.env.NNSTUDIO_BENCH_DATASET ?? '../shared/data/msd-hippocampus';
const MEMORY_INTERVAL_MS = 20;
const MADE_CASES = 20;
const MADE_DIM = [35, 50, 36];

export async function run(_: BenchOptions): Promise<void> {
  const dataset = await openRawDataset(existsSync(SHARED) ? await filesBelow(SHARED) : madeFiles());
  console.log(
    `${dataset.name}, ${dataset.cases.length} cases; load of the machine ${loadavg()[0].toFixed(1)}`,
  );
  for (const count of [...new Set([1, availableParallelism()])]) await measure(dataset, count);
}

/** The whole way with `count` cases at once. */
async function measure(dataset: RawDataset, count: number): Promise<void> {
  console.log(
    count === 1 ? 'one case at once, in this thread' : `${count} cases at once, in ${count} threads`,
  );
  const workers = count === 1 ? localCaseWorkers({ atOnce: 1 }) : nodeCaseWorkers(count);
  const cases = dataset.cases.length;
  const fingerprint = await timed('fingerprint', cases, () => extractFingerprint({ dataset, workers }));
  const plansText = plansJson(
    planDataset({
      name: dataset.name,
      document: dataset.document,
      fingerprint,
      planner: plannerNamed('ExperimentPlanner'),
    }),
  );
  const plans = readPlans(plansText, 'nnUNetPlans.json');
  for (const configuration of ['2d', '3d_fullres']) {
    await timed(configuration, cases, async () => {
      const folder = forgetfulFolder();
      const configurations = [configuration];
      const startWorkers = () => ({ ...workers, close: () => undefined });
      const { failures } = await preprocessDataset({ dataset, plans, configurations, folder, startWorkers });
      if (failures.length > 0) throw new Error(`${failures.length} cases failed`);
    });
  }
  workers.close();
}

async function timed<T>(what: string, cases: number, work: () => Promise<T>): Promise<T> {
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  const [result, peak] = await withPeakMemory(work);
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const cpuSeconds = (user + system) / 1e6;
  console.log(
    `  ${what.padEnd(12)} ${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s of processor), ${(seconds / cases).toFixed(3)} s a case, peak memory ${(peak / 1e9).toFixed(2)} GB`,
  );
  return result;
}

/** The largest resident size during the work, bytes, all threads together; the system's own figure never falls again. */
async function withPeakMemory<T>(work: () => Promise<T>): Promise<[T, number]> {
  let peak = process.memoryUsage.rss();
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, MEMORY_INTERVAL_MS);
  try {
    const result = await work();
    return [result, Math.max(peak, process.memoryUsage.rss())];
  } finally {
    clearInterval(timer);
  }
}

/** Takes everything and keeps nothing: the disk is not measured. */
function forgetfulFolder(): DatasetFolder {
  return {
    has: async () => false,
    open: async () => undefined,
    list: async () => [],
    remove: async () => undefined,
    write: async () => undefined,
  };
}

function madeFiles(): readonly ReturnType<typeof memoryFile>[] {
  const voxels = MADE_DIM.reduce((product, size) => product * size, 1);
  const json = {
    channel_names: { '0': 'MRI' },
    labels: { background: 0, front: 1, back: 2 },
    numTraining: MADE_CASES,
    file_ending: '.nii',
  };
  const files = [memoryFile(jsonBytes(json), 'Dataset001_Made/dataset.json')];
  for (let i = 0; i < MADE_CASES; i++) {
    const image = niftiFile({ dim: MADE_DIM, type: 'float32', values: randomNormal(voxels, i) });
    const values = Uint8Array.from({ length: voxels }, (_, voxel) =>
      voxel % 11 === 0 ? 1 + (voxel % 2) : 0,
    );
    files.push(
      memoryFile(image, `Dataset001_Made/imagesTr/case_${i}_0000.nii`),
      memoryFile(
        niftiFile({ dim: MADE_DIM, type: 'uint8', values }),
        `Dataset001_Made/labelsTr/case_${i}.nii`,
      ),
    );
  }
  return files;
}
