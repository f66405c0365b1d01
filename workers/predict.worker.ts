// Predicts, on the one GPU device of this worker.
import { expose } from 'comlink';
import { CaseSegmenter } from '@/app/caseSegmenter';
import { browserRecords, DATABASES } from '@/storage/browserRecords';
import { browserCaseFiles } from '@/storage/caseFiles';
import { createModelLibrary } from '@/storage/modelLibrary';
import type { CaseProgress, PredictApi } from '@/workers/predictApi';

/** No eye follows progress faster. */
const PROGRESS_INTERVAL_MS = 100;

const segmenter = new CaseSegmenter({
  library: createModelLibrary(browserRecords(DATABASES.models), browserRecords(DATABASES.weights)),
  caseFiles: browserCaseFiles,
  webgpu: navigator.gpu,
  tuning: browserRecords(DATABASES.tuning),
});
const running = new Map<string, AbortController>();

/** Passes on a new stage at once, and within a stage at most ten reports a second. */
function throttled(tell: (progress: CaseProgress) => void): (progress: CaseProgress) => void {
  let lastStage = '';
  let lastTime = 0;
  return (progress) => {
    const now = performance.now();
    if (progress.stage === lastStage && now - lastTime < PROGRESS_INTERVAL_MS) return;
    lastStage = progress.stage;
    lastTime = now;
    tell(progress);
  };
}

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
