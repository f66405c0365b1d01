// Works on training cases in the browser, one at a time.
import { answerTo, type CaseRequest } from '@/workers/data/caseMessages';
import { beginWorker } from '@/workers/workerSide';

beginWorker();

addEventListener('message', async ({ data }: MessageEvent<CaseRequest>) => {
  const { answer, buffers } = await answerTo(data);
  postMessage(answer, { transfer: buffers });
});
