// Works on training cases in a thread of Node, one at a time.
import { parentPort } from 'node:worker_threads';
import { nodeFile } from '@/storage/nodeFiles';
import { answerTo, type CaseRequest } from '@/workers/data/caseMessages';

parentPort?.on('message', async (request: CaseRequest) => {
  const { answer, buffers } = await answerTo(request, nodeFile);
  parentPort?.postMessage(answer, buffers);
});
