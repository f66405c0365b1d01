// Starts the worker that learns; the test calls `window.learnByHeart`.

import { wrap } from 'comlink';
import type { LearnByHeart, LearntPatch } from './learnByHeart.worker';

async function learnByHeart(): Promise<LearntPatch> {
  const worker = new Worker(new URL('./learnByHeart.worker.ts', import.meta.url), { type: 'module' });
  try {
    return await wrap<LearnByHeart>(worker)();
  } finally {
    worker.terminate();
  }
}

declare global {
  interface Window {
    learnByHeart: typeof learnByHeart;
  }
}

window.learnByHeart = learnByHeart;
