import { type Gpu, openGpu } from './device';

/** Dawn's instance. Held for the life of the process: devices crash when it is garbage-collected under them. */
let instance: GPU | undefined;

/** The same engine in Node. */
export async function openNodeGpu(): Promise<Gpu> {
  return openGpu(await nodeWebGpu());
}

/** What `navigator.gpu` is in a browser: Dawn's WebGPU from npm `webgpu`, the only place that knows that package. */
export async function nodeWebGpu(): Promise<GPU> {
  if (!instance) {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    instance = create([]);
    restWhile(GPUBuffer.prototype, 'mapAsync');
    restWhile(GPUQueue.prototype, 'onSubmittedWorkDone');
  }
  return instance;
}

/** How long the event loop sleeps a turn, ms, while it has nothing to do but wait for the GPU. */
const REST_MS = 1;
const restCell = new Int32Array(new SharedArrayBuffer(4));
let waits = 0;
let isResting = false;

/**
 * Makes the event loop rest while a promise of `method` is pending. Dawn for Node polls the GPU on every turn, which
 * takes a whole core from an adapter that computes on the CPU: with two cores it doubles the time of a convolution.
 */
function restWhile<Name extends string>(
  prototype: Record<Name, (...args: never[]) => Promise<undefined>>,
  method: Name,
): void {
  const original = prototype[method];
  prototype[method] = function (this: unknown, ...args: never[]) {
    const result = original.apply(this, args);
    waits++;
    // One chain of rests, however often waiting begins and ends: each further one would lengthen every turn.
    if (!isResting) setImmediate(rest);
    isResting = true;
    const end = () => {
      waits--;
    };
    result.then(end, end);
    return result;
  };
}

function rest(): void {
  isResting = waits > 0;
  if (!isResting) return;
  Atomics.wait(restCell, 0, 0, REST_MS);
  setImmediate(rest);
}
