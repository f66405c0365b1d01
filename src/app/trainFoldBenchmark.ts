import { readJson } from '@/core/interop/json';
import { pythonJson } from '@/core/interop/pythonJson';
import type { TrainingLog } from '@/core/training/trainingLog';
import type { DatasetFolder } from '@/storage/datasetFolder';
import type { FoldSetup } from './trainFoldSetup';

/**
 * Adds the fastest epoch, seconds, of a benchmark trainer's run to the fold's `benchmark_result.json`, where adapters
 * stand beside each other.
 *
 * Follows nnU-Net's `nnUNetTrainerBenchmark_5epochs.on_train_end`.
 */
export async function writeBenchmarkResult(
  results: DatasetFolder,
  { question }: FoldSetup,
  { epochStartTimestamps, epochEndTimestamps }: TrainingLog,
  adapter: string,
): Promise<void> {
  const name = `fold_${question.fold}/benchmark_result.json`;
  const existing = await results.open(name);
  const known = existing ? await readJson(existing) : {};
  const seconds = epochEndTimestamps.map((end, epoch) => end - epochStartTimestamps[epoch]);
  const own = {
    torch_version: 'WebGPU',
    cudnn_version: 'None',
    gpu_name: adapter,
    fastest_epoch: Math.min(...seconds),
    num_gpus: 1,
  };
  const entries = { ...Object(known), [`${adapter.replaceAll(' ', '_')}_1`]: own };
  await results.write(name, pythonJson(entries, { isFloat: (path) => path.at(-1) === 'fastest_epoch' }));
}
