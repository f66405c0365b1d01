// Predicts, on the one GPU device of this worker.
import { expose } from 'comlink';
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

  cancel: (id) => running.get(id)?.abort(),
};

expose(api);
