import { copyForward } from '@/kernels/elementwise';
import { elementCount } from '@/shared/geometry';
import type { PlanBuilder } from './planBuilder';
import type { TensorId } from './step';
import type { Value } from './value';

/** A tensor that holds `input` now and may be overwritten with `value`: its own where nothing else reads it, else a copy. */
export function ownedCopy(value: Value, input: Value, builder: PlanBuilder): TensorId {
  const source = builder.tensorOf(input);
  if (builder.isReadOnce(input)) {
    builder.aliasValue(value, source);
    return source;
  }
  const copy = builder.addValue(value);
  const size = elementCount(input.shape);
  builder.addStep(value.op, {
    tensors: [source, copy],
    launch: ({ tensor }) => copyForward(tensor(source), 0, tensor(copy), 0, size, builder.device.limits),
  });
  return copy;
}
