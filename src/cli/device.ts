// What computes: the GPU by our kernels, or the processor by onnxruntime.
import { availableParallelism } from 'node:os';
import type { PredictionOptions } from '@/app/segment/predictionSession';
import type { NnunetModel } from '@/core/interop/model';
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { type OptionSpec, type ParsedOptions, textOf, UsageError } from './options';

export const DEVICE_OPTION: OptionSpec = {
  names: ['-device', '--device'],
  kind: 'text',
  value: 'DEVICE',
  description: 'gpu, or cpu: onnxruntime in WebAssembly (default gpu where there is one)',
};

/** What nnU-Net calls devices that are GPUs counts too. */
const GPU_NAMES = ['gpu', 'cuda', 'mps', 'webgpu'];

/** What computes, and in a line who and why. */
export interface ChosenDevice extends Required<Pick<PredictionOptions, 'openGpu' | 'device' | 'runtime'>> {
  /** For people; absent where nnU-Net's own network runs on the GPU. */
  readonly note?: string;
}

/**
 * The device that is asked for, else a GPU, else the processor. Throws `Usage` for a device of another name, and `NoAdapter`
 * where a GPU is asked for and there is none.
 */
export async function chooseDevice(options: ParsedOptions, model: NnunetModel): Promise<ChosenDevice> {
  const asked = textOf(options, '-device');
  const threads = availableParallelism();
  const chosen = { openGpu: openNodeGpu, runtime: { threads } };
  const onProcessor = `onnxruntime computes on the processor (WebAssembly, ${threads} threads)`;
  if (asked !== undefined && asked !== 'cpu' && !GPU_NAMES.includes(asked)) {
    throw new UsageError(`-device is ${asked}; it can be gpu or cpu.`);
  }
  if (asked === 'cpu') return { ...chosen, device: 'cpu', note: `${onProcessor}, as asked` };
  const { foreignNetwork } = model;
  if (foreignNetwork?.engine === 'onnxruntime') {
    const note = `${onProcessor}: ${foreignNetwork.reason}`;
    return { ...chosen, device: 'cpu', note };
  }
  const gpu = await openNodeGpu().catch((error: unknown) => {
    if (asked !== undefined || !(error instanceof Error) || error.name !== 'NoAdapter') throw error;
    return undefined;
  });
  if (!gpu) return { ...chosen, device: 'cpu', note: `no WebGPU adapter here: ${onProcessor}` };
  const note =
    foreignNetwork && `every operator is known: our own kernels run it on ${gpu.facts.description}`;
  return { ...chosen, device: 'gpu', openGpu: openedFirst(gpu), ...(note && { note }) };
}

/** Hands out the device that is open already, and new ones after it. */
function openedFirst(first: Gpu): () => Promise<Gpu> {
  let spare: Gpu | undefined = first;
  return async () => {
    const gpu = spare ?? (await openNodeGpu());
    spare = undefined;
    return gpu;
  };
}
