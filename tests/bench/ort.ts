// Our engine beside onnxruntime-web's WebGPU and WASM providers: same network, weights, patch, adapter and run.

import { messageOf } from '@/shared/errors';
import * as ortChromium from './ortChromium';
import * as ortNode from './ortNode';

/** Prints both tables, then throws what is wrong with either. */
export async function run(): Promise<void> {
  const problems: unknown[] = [];
  for (const bench of [ortNode, ortChromium])
    await bench.run().catch((error: unknown) => problems.push(error));
  if (problems.length > 0) throw new AggregateError(problems, problems.map(messageOf).join('\n'));
}
