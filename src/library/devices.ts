// What computes: a GPU through Dawn, a GPUDevice of the caller's, or the processor.
import { availableParallelism } from 'node:os';
import { type ChosenDevice, chooseDevice } from '@/app/segment/chooseDevice';
import type { NnunetModel } from '@/core/interop/model';
import type { Gpu } from '@/gpu/device';
import { nodeGpuOfDevice, openNodeGpu } from '@/gpu/nodeGpu';
import { StudioError } from '@/shared/errors';
import { behind } from './behind';

/** Something to compute on. Open it once and pass it to as many calls as you like, one at a time. */
export interface Device {
  /** `cpu` is onnxruntime in WebAssembly: it predicts, and does not train. */
  readonly kind: 'gpu' | 'cpu';
  /** The adapter as its driver names it, or the number of threads. */
  readonly description: string;
  /** Gives a GPU back that {@link openDevice} opened. A `GPUDevice` of your own stays open. */
  close(): void;
}

/**
 * WebGPU's `GPUDevice`, where the types of the platform have it: TypeScript's `dom` from 6 on, `@webgpu/types` before. The
 * package names neither, as they exclude each other.
 */
export type PlatformGpuDevice = typeof globalThis extends { GPUDevice: { prototype: infer Platform } }
  ? Platform
  : object;

interface OpenDevice {
  /** Of the device, or of a new one where it was lost; closing it does nothing. */
  readonly lease: () => Promise<Gpu>;
}

const devices = behind<Device, OpenDevice>('a device', 'openDevice');

/**
 * Opens what computes.
 *
 * - Left out or `'gpu'`: the best adapter of this machine, by Dawn (npm `webgpu`). A device that is lost is opened again.
 * - `'cpu'`: onnxruntime on the processor, for machines without a GPU. Predicts only.
 * - A `GPUDevice` that you opened with npm `webgpu`: it is used with the features and limits that you asked for, so ask for
 *   the adapter's own `maxBufferSize` and `maxStorageBufferBindingSize`. You close it.
 *
 * @throws `NoAdapter` with what to install, where there is no GPU; `BadOptions` for anything else.
 */
export async function openDevice(device: 'gpu' | 'cpu' | PlatformGpuDevice = 'gpu'): Promise<Device> {
  if (device === 'cpu') return cpu();
  if (device !== 'gpu') {
    assertGpuDevice(device);
    const gpu = await nodeGpuOfDevice(device);
    return devices.put(
      { kind: 'gpu', description: gpu.facts.description, close: () => undefined },
      { lease: async () => gpu },
    );
  }
  let current: Gpu | undefined;
  let isClosed = false;
  const lease = async () => {
    if (isClosed) throw new StudioError('DeviceClosed', 'This device was closed.', 'Open another one.');
    // An error that no scope caught stays with a device: work begins on a sound one.
    if (current && current.errors.length > 0) drop(current);
    current ??= await open();
    return { ...current, close: () => undefined };
  };
  const drop = (gpu: Gpu) => {
    if (current === gpu) current = undefined;
    gpu.close();
  };
  const open = async () => {
    const gpu = await openNodeGpu();
    void gpu.lost.then(() => drop(gpu));
    return gpu;
  };
  const { facts } = await lease();
  return devices.put(
    {
      kind: 'gpu',
      description: facts.description,
      close: () => {
        isClosed = true;
        current?.close();
      },
    },
    { lease },
  );
}

/** For callers without types. Throws `BadOptions`. */
function assertGpuDevice(device: PlatformGpuDevice): void {
  if (typeof device === 'object' && device !== null && 'queue' in device && 'limits' in device) return;
  throw new StudioError(
    'BadOptions',
    `There is no device ${typeof device === 'string' ? device : 'of that kind'}.`,
    "Name 'gpu' or 'cpu', or give a GPUDevice.",
  );
}

function cpu(): Device {
  const description = `onnxruntime on the processor, ${availableParallelism()} threads`;
  const noGpu = async () => {
    throw new StudioError(
      'NoAdapter',
      'The processor predicts with networks, and does not train them.',
      "Open a GPU: openDevice('gpu').",
    );
  };
  return devices.put({ kind: 'cpu', description, close: () => undefined }, { lease: noGpu });
}

/**
 * What a prediction computes on: the device that is given, else a GPU of its own, else the processor.
 *
 * @internal
 */
export function deviceForModel(device: Device | undefined, model: NnunetModel): Promise<ChosenDevice> {
  return chooseDevice({
    asked: device?.kind,
    model,
    openGpu: gpuOf(device),
    threads: availableParallelism(),
  });
}

/**
 * Opens the GPU of a device, or one of its own.
 *
 * @internal
 */
export function gpuOf(device: Device | undefined): () => Promise<Gpu> {
  return device ? devices.of(device).lease : openNodeGpu;
}
