// Measures the GPU, on a device of its own.
import { benchmarkGpu } from '@/app/system/benchmarkGpu';
import { openGpu } from '@/gpu/device';
import { browserRecords, DATABASES } from '@/storage/browserRecords';
import type { BenchmarkApi } from '@/workers/system/api';
import { serve } from '@/workers/workerSide';

const api: BenchmarkApi = {
  run: (limitSeconds, onProgress) =>
    benchmarkGpu({
      open: () => openGpu(navigator.gpu),
      tuning: browserRecords(DATABASES.tuning),
      limitSeconds,
      onProgress,
    }),
};

serve(api);
