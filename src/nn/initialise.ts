import type { StateTensors } from '@/graph/parameters';
import type { Value } from '@/graph/value';
import { elementCount } from '@/shared/geometry';
import { type Random, seededRandom } from '@/shared/random';

/** Slope that Kaiming's gain is computed for; nnU-Net's `InitWeights_He(1e-2)`. */
const KAIMING_SLOPE = 0.01;

/** Fresh weights of a network, the same for the same seed on every machine. */
export function initialise(parameters: readonly Value<'parameter'>[], seed: number): StateTensors {
  const random = seededRandom(seed);
  return new Map(
    parameters.map((value) => [
      value.attributes.name,
      { shape: value.shape, data: initialTensor(value, random) },
    ]),
  );
}

function initialTensor({ attributes, shape }: Value<'parameter'>, random: Random): Float32Array {
  const data = new Float32Array(elementCount(shape));
  switch (attributes.initialisation) {
    case 'zeros':
      return data;
    case 'ones':
      return data.fill(1);
    case 'kaimingNormal': {
      const std = kaimingStd(shape);
      return data.map(() => std * random.normal());
    }
    default:
      return attributes.initialisation satisfies never;
  }
}

/**
 * `√(2 / (1 + slope²) / fanIn)`, fan-in = size of dimension 1 × kernel volume. For transposed convolutions, whose weight
 * is `[in, out, …]`, torch's rule therefore counts the outputs.
 */
export function kaimingStd(shape: readonly number[]): number {
  const [, ...perFirst] = shape;
  return Math.sqrt(2 / (1 + KAIMING_SLOPE ** 2) / elementCount(perFirst));
}
