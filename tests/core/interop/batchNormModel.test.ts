import { describe, expect, test as plainTest } from 'vitest';
import { openWindowNetwork } from '@/core/inference/windowNetwork';
import { importModel } from '@/core/interop/importModel';
import { expectedParameters, isBufferName, stateDictKeys } from '@/core/interop/stateDict';
import { readFloats } from '@/gpu/buffers';
import { interpret } from '@/graph/interpreter';
import { buildUNet, UNET_INPUT } from '@/nn/unet';
import { randomNormal } from '@/shared/random';
import { relativeError } from '../../kernels/device';
import { RESIDUAL_3_STAGES } from '../../nn/architectures';
import { test } from '../../support/gpu';
import {
  type ModelFolderOptions,
  modelFolderFiles,
  parametersOf,
  plansJson,
  TINY_ARCH_KWARGS,
  TINY_CONFIGURATION,
  tinyWeights,
} from '../../support/modelFolder';

/** Plans whose network has these arguments. */
function plansWith(changes: Readonly<Record<string, unknown>>) {
  const { architecture } = TINY_CONFIGURATION;
  const arch_kwargs = { ...TINY_ARCH_KWARGS, ...changes };
  return plansJson({
    '3d_fullres': { ...TINY_CONFIGURATION, architecture: { ...architecture, arch_kwargs } },
  });
}

const BATCH_NORM = { norm_op: 'torch.nn.modules.batchnorm.BatchNorm3d', norm_op_kwargs: { eps: 1e-3 } };
const DROPOUT = { dropout_op: 'torch.nn.Dropout3d', dropout_op_kwargs: { p: 0.2, inplace: true } };

const MODELS: readonly (readonly [string, ModelFolderOptions])[] = [
  ['whose plans say so', { plans: plansWith(BATCH_NORM) }],
  ['and dropout', { plans: plansWith({ ...BATCH_NORM, ...DROPOUT }) }],
  ['of nnUNetTrainerBN, whose plans say instance norm', { trainerName: 'nnUNetTrainerBN' }],
];

describe('a model with batch norm', () => {
  for (const [name, options] of MODELS) {
    test(`predicts by its running statistics: ${name}`, async ({ gpu }) => {
      const [{ model, loadFold }] = await importModel(modelFolderFiles({ ...options, folds: ['0', '1'] }));
      expect(model.configuration.architecture.batchNorm).toEqual({ momentum: 0.1 });
      const weights = tinyWeights(parametersOf(options), 1);
      expect(await loadFold('1')).toEqual(weights);

      const network = await openWindowNetwork({ gpu, model, loadFold, settings: { folds: ['0', '1'] } });
      const image = randomNormal(network.input.size, 5);
      gpu.device.queue.writeBuffer(
        network.input.buffer,
        network.input.offset,
        image as GPUAllowSharedBufferSource,
      );
      network.run(1);
      const logits = await readFloats(gpu, network.output);
      network.destroy();
      const graph = buildUNet(model.configuration.architecture, {
        inputChannels: 1,
        outputChannels: 3,
        batch: 1,
        patchSize: model.configuration.patchSize,
        deepSupervision: false,
      });
      const feeds = new Map<string, ArrayLike<number>>([...weights].map(([key, { data }]) => [key, data]));
      const [expected] = interpret(graph.outputs, feeds.set(UNET_INPUT, image));
      expect(relativeError(logits, expected)).toBeLessThan(1e-5);
    });
  }

  plainTest('without its running statistics is refused', async () => {
    const files = modelFolderFiles({
      changeCheckpoint: (checkpoint) => void checkpoint.set('trainer_name', 'nnUNetTrainerBN'),
    });
    await expect(importModel(files)).rejects.toThrow(/lacks the tensor .*norm\.running_mean/);
  });

  plainTest('counts its batches in int64', () => {
    const [, options] = MODELS[0];
    const name = 'encoder.stages.0.0.convs.0.norm.num_batches_tracked';
    const types: unknown[] = [];
    modelFolderFiles({
      ...options,
      changeCheckpoint: (_, weights) => void types.push(weights.get(name)?.data, weights.get(name)?.shape),
    });
    expect(types).toEqual([BigInt64Array.of(250n), []]);
  });
});

describe('state dict keys', () => {
  plainTest('of batch norm hold its buffers behind weight and bias, aliases too', () => {
    const architecture = { ...RESIDUAL_3_STAGES, batchNorm: { momentum: 0.1 } };
    const names = [...expectedParameters(architecture, 1, 2).keys()];
    const prefix = 'encoder.stages.0.blocks.0.conv2';
    const keys = stateDictKeys(names, architecture).map(({ key }) => key);
    expect(keys.filter((key) => key.startsWith(prefix))).toEqual(
      [
        ...['conv.weight', 'conv.bias', 'norm.weight', 'norm.bias'],
        ...['norm.running_mean', 'norm.running_var', 'norm.num_batches_tracked'],
        ...['all_modules.0.weight', 'all_modules.0.bias', 'all_modules.1.weight', 'all_modules.1.bias'],
        ...['all_modules.1.running_mean', 'all_modules.1.running_var', 'all_modules.1.num_batches_tracked'],
      ].map((leaf) => `${prefix}.${leaf}`),
    );
    const learned = names.filter((name) => !isBufferName(name));
    expect(learned).toEqual([...expectedParameters(RESIDUAL_3_STAGES, 1, 2).keys()]);
  });

  plainTest('count dropout among the modules of a unit that has it', () => {
    const architecture = { ...RESIDUAL_3_STAGES, dropout: { probability: 0.1, of: 'channels' } } as const;
    const names = expectedParameters(architecture, 1, 2).keys();
    const keys = new Set(stateDictKeys(names, architecture).map(({ key }) => key));
    const positionOf = (prefix: string) =>
      [1, 2].filter((position) => keys.has(`${prefix}.all_modules.${position}.weight`));
    expect(positionOf('encoder.stem.convs.0')).toEqual([2]);
    expect(positionOf('encoder.stages.1.blocks.0.conv1')).toEqual([2]);
    expect(positionOf('encoder.stages.1.blocks.0.conv2')).toEqual([1]);
    expect(positionOf('encoder.stages.1.blocks.0.skip.1')).toEqual([1]);
    expect(positionOf('decoder.stages.0.convs.0')).toEqual([2]);
  });
});
