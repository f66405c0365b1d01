import type { LossOptions } from '@/kernels/losses/lossOptions';
import { targetSize } from '@/kernels/losses/target';
import { elementCount } from '@/shared/geometry';
import { featureMapOf, type HeadLoss, type Value } from '../value';
import { input } from './leaves';

/**
 * Gradient of a loss with respect to `logits`, `[n, k, z, y, x]`, times the head's weight and the loss scale; `target`
 * as {@link targetInput} makes it.
 */
export function lossGradient(logits: Value, target: Value, loss: HeadLoss): Value<'lossGradient'> {
  return { op: 'lossGradient', attributes: loss, inputs: [logits, target], shape: logits.shape };
}

/** Where the packed target of `logits`, of all micro-batches, is fed, in words of 32 bits. */
export function targetInput(
  name: string,
  logits: Value,
  { target }: LossOptions,
  microBatches = 1,
): Value<'input'> {
  const { batch, channels, size } = featureMapOf(logits, 'targetInput');
  return input(name, [targetSize(target, channels, microBatches * batch, elementCount(size))]);
}
