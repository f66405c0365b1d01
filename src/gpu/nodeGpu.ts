import { messageOf, StudioError } from '@/shared/errors';
import { type Gpu, gpuOfDevice, openGpu } from './device';

/** Dawn's instance. Held for the life of the process: devices crash when it is garbage-collected under them. */
let instance: GPU | undefined;

/** The same engine in Node. */
export async function openNodeGpu(): Promise<Gpu> {
  return openGpu(await nodeWebGpu());
}

/** The engine on a device that somebody else opened with npm `webgpu`, who also closes it. */
export async function nodeGpuOfDevice(device: GPUDevice): Promise<Gpu> {
  await prepared();
  return gpuOfDevice(device);
}

/** What `navigator.gpu` is in a browser: Dawn's WebGPU from npm `webgpu`, the only place that knows that package. */
export async function nodeWebGpu(): Promise<GPU> {
  const { create } = await prepared();
  instance ??= create([]);
  return instance;
}

let preparing: Promise<typeof import('webgpu')> | undefined;

/** The package, with WebGPU's constants and classes where browsers have them. Throws `NoAdapter` where it cannot be loaded. */
function prepared(): Promise<typeof import('webgpu')> {
  preparing ??= import('webgpu').then(
    (webgpu) => {
      Object.assign(globalThis, webgpu.globals);
      restWhile(GPUBuffer.prototype, 'mapAsync');
      restWhile(GPUQueue.prototype, 'onSubmittedWorkDone');
      return webgpu;
    },
    (error: unknown) => {
      throw new StudioError(
        'NoAdapter',
        `WebGPU cannot be loaded on this system (${messageOf(error)}).`,
        'The package webgpu has it for Windows, macOS and Linux with glibc; predict can also run on the processor.',
        { cause: error },
      );
    },
  );
  return preparing;
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
