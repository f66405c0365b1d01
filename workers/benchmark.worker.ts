// Measures the GPU, on a device of its own.
import { expose } from 'comlink';
import { benchmarkGpu } from '@/app/benchmarkGpu';
import { openGpu } from '@/gpu/device';
import { browserRecords, DATABASES } from '@/storage/browserRecords';
import type { BenchmarkApi } from '@/workers/benchmarkApi';

const api: BenchmarkApi = {
  run: (limitSeconds, onProgress) =>
    benchmarkGpu({
      open: () => openGpu(navigator.gpu),
      tuning: browserRecords(DATABASES.tuning),
      limitSeconds,
      onProgress,
    }),
};

expose(api);
