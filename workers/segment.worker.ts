// Predicts, on the one GPU device of this worker.
import { SegmentService } from '@/app/segment/segmentService';
import { isOnnxThread, joinOnnxThreads } from '@/core/inference/onnxRuntime';
import { throttled } from '@/shared/throttledProgress';
import { browserRecords, DATABASES } from '@/storage/browserRecords';
import { browserCaseFiles } from '@/storage/caseFiles';
import { createModelLibrary } from '@/storage/modelLibrary';
import type { PredictApi } from '@/workers/segment/api';
import { binaryBytes, serve } from '@/workers/workerSide';

const segmenter = new SegmentService({
  library: createModelLibrary(browserRecords(DATABASES.models), browserRecords(DATABASES.weights)),
  caseFiles: browserCaseFiles,
  webgpu: navigator.gpu,
  tuning: browserRecords(DATABASES.tuning),
  runtime: {
    readBinary: () => binaryBytes('onnxruntime'),
    // Threads share memory, which only isolated pages have.
    threads: crossOriginIsolated ? navigator.hardwareConcurrency : 1,
  },
});
const running = new Map<string, AbortController>();

const api: PredictApi = {
  openGpu: () => segmenter.describeGpu(),

  async predict(caseRecord, job, onProgress) {
    const controller = new AbortController();
    running.set(caseRecord.id, controller);
    try {
      return await segmenter.segment(caseRecord, job, {
        signal: controller.signal,
        onProgress: throttled(onProgress),
      });
    } finally {
      running.delete(caseRecord.id);
    }
  },

  measureWindow: (job) => segmenter.measureWindow(job),

  cancel: (id) => running.get(id)?.abort(),
};

if (isOnnxThread()) joinOnnxThreads();
else serve(api);
