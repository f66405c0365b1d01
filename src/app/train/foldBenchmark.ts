import { readJson } from '@/core/interop/json';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { pythonJson } from '@/core/interop/pythonJson';
import type { TrainingLog } from '@/core/training/trainingLog';
import type { DatasetFolder } from '@/storage/datasetFolder';
import type { FoldSetup } from './foldSetup';

/** Stands for the version of a library that is not used here. */
const NONE = 'None';
const ENGINE = 'WebGPU';

/**
 * Adds the fastest epoch, seconds, of a benchmark trainer's run to the fold's `benchmark_result.json`, where machines and
 * adapters stand beside each other.
 *
 * Follows nnU-Net's `nnUNetTrainerBenchmark_5epochs.on_train_end`.
 */
export async function writeBenchmarkResult(
  results: DatasetFolder,
  { question }: FoldSetup,
  { epochStartTimestamps, epochEndTimestamps }: TrainingLog,
  adapter: string,
  hostName = 'browser',
): Promise<void> {
  const name = `fold_${question.fold}/${NNUNET_FILES.benchmarkResult}`;
  const existing = await results.open(name);
  const known = existing ? await readJson(existing) : {};
  const seconds = epochEndTimestamps.map((end, epoch) => end - epochStartTimestamps[epoch]);
  const own = {
    torch_version: ENGINE,
    cudnn_version: NONE,
    gpu_name: adapter,
    fastest_epoch: Math.min(...seconds),
    num_gpus: 1,
    hostname: hostName,
  };
  const key = `${hostName}__${NONE}__${ENGINE}__${adapter.replaceAll(' ', '')}__num_gpus_1`;
  await results.write(
    name,
    pythonJson({ ...Object(known), [key]: own }, { isFloat: (path) => path.at(-1) === 'fastest_epoch' }),
  );
}
