// The same graph in f64 on plain arrays: slow, obvious, the reference of every test.

import { addReference } from '@/kernels/add.reference';
import { avgPoolReference } from '@/kernels/avgPool.reference';
import { batchNormReference } from '@/kernels/batchNorm.reference';
import { concatChannelsReference } from '@/kernels/concatChannels.reference';
import * as conv3dReference from '@/kernels/conv3d.reference';
import { convTranspose3dReference } from '@/kernels/convTranspose3d.reference';
import { instanceNormReference } from '@/kernels/instanceNorm.reference';
import { leakyReluReference } from '@/kernels/leakyRelu.reference';
import { elementCount } from '@/shared/geometry';
import { STEP_CONTROL } from './ops/leaves';
import { TRAINING_REFERENCES } from './trainingReferences';
import { featureMapOf, type OpName, topologicalOrder, type Value } from './value';

/** Computes one node from its inputs' data. */
type Reference<Op extends OpName> = (
  value: Value<Op>,
  inputs: readonly Float64Array[],
  feeds: ReadonlyMap<string, ArrayLike<number>>,
) => Float64Array;

const REFERENCES: { readonly [Op in OpName]: Reference<Op> } = {
  input: (value, _inputs, feeds) => feed(value, feeds),
  parameter: (value, _inputs, feeds) => feed(value, feeds),
  conv3d: ({ attributes, inputs, shape }, [x, weight, bias]) => {
    const { batch, channels, size } = featureMapOf(inputs[0], 'conv3d');
    const conv = { ...attributes, batch, inChannels: channels, outChannels: shape[1], inputSize: size };
    return conv3dReference.conv3dForward(conv, x, weight, bias);
  },
  convTranspose3d: ({ attributes, inputs, shape }, [x, weight, bias]) => {
    const { batch, channels, size } = featureMapOf(inputs[0], 'convTranspose3d');
    const conv = { ...attributes, batch, inChannels: channels, outChannels: shape[1], inputSize: size };
    return convTranspose3dReference(conv, x, weight, bias);
  },
  instanceNorm: ({ attributes, shape }, [x, weight, bias]) =>
    instanceNormReference(x, shape[0] * shape[1], weight && { weight, bias }, attributes.eps),
  batchNorm: ({ attributes, inputs }, [x, mean, variance, _batchCount, weight, bias]) => {
    const length = elementCount(featureMapOf(inputs[0], 'batchNorm').size);
    return batchNormReference(x, length, { mean, variance }, weight && { weight, bias }, attributes.eps);
  },
  dropout: (_value, [x]) => x,
  leakyRelu: ({ attributes }, [x]) => leakyReluReference(x, attributes.negativeSlope),
  add: (_value, [a, b]) => addReference(a, b),
  concatChannels: ({ shape }, [a, b]) => concatChannelsReference(a, b, shape[0]),
  avgPool: ({ attributes, inputs }, [x]) => {
    const { batch, channels, size } = featureMapOf(inputs[0], 'avgPool');
    return avgPoolReference(x, batch * channels, size, attributes.stride);
  },
  ...TRAINING_REFERENCES,
  stepControl: (_value, _inputs, feeds) => Float64Array.from(feeds.get(STEP_CONTROL) ?? [0, 0]),
};

/** The outputs' data. `feeds`: data of inputs and parameters by name, row-major. */
export function interpret(
  outputs: readonly Value[],
  feeds: ReadonlyMap<string, ArrayLike<number>>,
): Float64Array[] {
  const results = new Map<Value, Float64Array>();
  const dataOf = (value: Value): Float64Array => {
    const data = results.get(value);
    if (!data) throw new Error(`interpret: ${value.op} was not computed before its use`);
    return data;
  };
  for (const value of topologicalOrder(outputs)) {
    results.set(value, referenceOf(value)(value, value.inputs.map(dataOf), feeds));
  }
  return outputs.map(dataOf);
}

/** The table's entry for this node; its key and the node's op are the same, which the compiler cannot see. */
function referenceOf(value: Value): Reference<OpName> {
  return REFERENCES[value.op] as Reference<OpName>;
}

function feed(
  { attributes: { name }, shape }: Value<'input' | 'parameter'>,
  feeds: ReadonlyMap<string, ArrayLike<number>>,
): Float64Array {
  const data = feeds.get(name);
  if (!data) throw new Error(`interpret: nothing was fed for ${name}`);
  if (data.length !== elementCount(shape)) {
    throw new Error(
      `interpret: ${name} has shape [${shape.join(', ')}], but ${data.length} numbers were fed`,
    );
  }
  return Float64Array.from(data);
}
