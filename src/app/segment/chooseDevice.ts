// What computes a prediction: the GPU by our kernels, or the processor by onnxruntime.
import type { NnunetModel } from '@/core/interop/model';
import type { Gpu } from '@/gpu/device';
import type { PredictionOptions } from './predictionSession';

/** What computes, and in a line who and why. */
export interface ChosenDevice extends Required<Pick<PredictionOptions, 'openGpu' | 'device' | 'runtime'>> {
  /** For people; absent where nnU-Net's own network runs on the GPU. */
  readonly note?: string;
}

/** What there is to choose from. */
export interface DeviceChoice {
  /** What a person asked for, if anything. */
  readonly asked: 'gpu' | 'cpu' | undefined;
  readonly model: Pick<NnunetModel, 'foreignNetwork'>;
  readonly openGpu: () => Promise<Gpu>;
  /** Of the processor. */
  readonly threads: number;
}

/**
 * The device that is asked for, else a GPU, else the processor. Throws `NoAdapter` where a GPU is asked for and there is
 * none.
 */
export async function chooseDevice({ asked, model, openGpu, threads }: DeviceChoice): Promise<ChosenDevice> {
  const chosen = { openGpu, runtime: { threads } };
  const onProcessor = `onnxruntime computes on the processor (WebAssembly, ${threads} threads)`;
  if (asked === 'cpu') return { ...chosen, device: 'cpu', note: `${onProcessor}, as asked` };
  const { foreignNetwork } = model;
  if (foreignNetwork?.engine === 'onnxruntime') {
    const note = `${onProcessor}: ${foreignNetwork.reason}`;
    return { ...chosen, device: 'cpu', note };
  }
  const gpu = await openGpu().catch((error: unknown) => {
    if (asked !== undefined || !(error instanceof Error) || error.name !== 'NoAdapter') throw error;
    return undefined;
  });
  if (!gpu) return { ...chosen, device: 'cpu', note: `no WebGPU adapter here: ${onProcessor}` };
  const note =
    foreignNetwork && `every operator is known: our own kernels run it on ${gpu.facts.description}`;
  return { ...chosen, device: 'gpu', openGpu: openedFirst(gpu, openGpu), ...(note && { note }) };
}

/** Hands out the device that is open already, and new ones after it. */
function openedFirst(first: Gpu, openGpu: () => Promise<Gpu>): () => Promise<Gpu> {
  let spare: Gpu | undefined = first;
  return async () => {
    const gpu = spare ?? (await openGpu());
    spare = undefined;
    return gpu;
  };
}
