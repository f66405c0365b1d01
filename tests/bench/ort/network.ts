// The network of the comparison with onnxruntime-web: the same seeded weights and patch for everyone.

import { exportUNetToOnnx } from '@/core/interop/onnxExport';
import { countFlops } from '@/graph/flops';
import type { StateTensors } from '@/graph/parameters';
import type { Graph } from '@/graph/value';
import type { Architecture } from '@/nn/architecture';
import { initialise } from '@/nn/initialise';
import { buildUNet, UNET_INPUT, type UNetOptions } from '@/nn/unet';
import { elementCount } from '@/shared/geometry';
import { randomNormal } from '@/shared/random';

const CUBE = [3, 3, 3];

const ARCHITECTURE: Architecture = {
  networkClass: 'PlainConvUNet',
  nStages: 4,
  featuresPerStage: [16, 32, 64, 128],
  kernelSizes: [CUBE, CUBE, CUBE, CUBE],
  strides: [
    [1, 1, 1],
    [2, 2, 2],
    [2, 2, 2],
    [2, 2, 2],
  ],
  nConvPerStage: [2, 2, 2, 2],
  nConvPerStageDecoder: [2, 2, 2],
  convBias: true,
  normEps: 1e-5,
  normAffine: true,
  negativeSlope: 0.01,
};

const OPTIONS: UNetOptions = {
  inputChannels: 1,
  outputChannels: 3,
  batch: 1,
  patchSize: [64, 64, 64],
  deepSupervision: false,
};

/** A network, its weights and one patch, and the same as an ONNX file. */
export interface ComparedNetwork {
  readonly graph: Graph;
  readonly weights: StateTensors;
  readonly onnx: Uint8Array;
  readonly inputName: string;
  readonly inputShape: readonly number[];
  readonly input: Float32Array;
  /** Of one forward pass, in convolutions. */
  readonly flops: number;
}

export function comparedNetwork(): ComparedNetwork {
  const graph = buildUNet(ARCHITECTURE, OPTIONS);
  const weights = initialise(graph.parameters, 1);
  const inputShape = [OPTIONS.batch, OPTIONS.inputChannels, ...OPTIONS.patchSize];
  return {
    graph,
    weights,
    onnx: exportUNetToOnnx(ARCHITECTURE, OPTIONS, weights),
    inputName: UNET_INPUT,
    inputShape,
    input: randomNormal(elementCount(inputShape), 2),
    flops: countFlops(graph),
  };
}
