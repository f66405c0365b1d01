// Predicts, on the one GPU device of this worker.
import { expose } from 'comlink';
import onnxRuntimeModule from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import onnxRuntimeBinary from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import { CaseSegmenter } from '@/app/caseSegmenter';
import { throttled } from '@/shared/throttledProgress';
import { browserRecords, DATABASES } from '@/storage/browserRecords';
import { browserCaseFiles } from '@/storage/caseFiles';
import { createModelLibrary } from '@/storage/modelLibrary';
import type { PredictApi } from '@/workers/predictApi';

const segmenter = new CaseSegmenter({
  library: createModelLibrary(browserRecords(DATABASES.models), browserRecords(DATABASES.weights)),
  caseFiles: browserCaseFiles,
  webgpu: navigator.gpu,
  tuning: browserRecords(DATABASES.tuning),
  runtime: {
    files: {
      mjs: new URL(onnxRuntimeModule, location.href).href,
      wasm: new URL(onnxRuntimeBinary, location.href).href,
    },
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

expose(api);
