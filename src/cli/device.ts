import { availableParallelism } from 'node:os';
import { type ChosenDevice, chooseDevice as chooseAmong } from '@/app/segment/chooseDevice';
import type { NnunetModel } from '@/core/interop/model';
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

/** As {@link chooseAmong}, of what the options ask for. Throws `Usage` for a device of another name. */
export async function deviceFromOptions(options: ParsedOptions, model: NnunetModel): Promise<ChosenDevice> {
  const asked = textOf(options, '-device');
  if (asked !== undefined && asked !== 'cpu' && !GPU_NAMES.includes(asked)) {
    throw new UsageError(`-device is ${asked}; it can be gpu or cpu.`);
  }
  return chooseAmong({
    asked: asked === undefined || asked === 'cpu' ? asked : 'gpu',
    model,
    openGpu: openNodeGpu,
    threads: availableParallelism(),
  });
}
