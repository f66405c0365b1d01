// From losses to steps, which evaluate a batch at once or its micro-batches in turn.

import { lossCombination, lossDispatches, lossValueDispatches } from '@/kernels/losses/loss';
import { isMeanOverSamples } from '@/kernels/losses/lossOptions';
import { type LossArgs, lossGradient, lossStatistics } from '@/kernels/losses/lossPasses';
import { lossScratchSize, lossSumsSize } from '@/kernels/losses/lossSizes';
import { ALIGNMENT_ELEMENTS } from '@/kernels/ranges';
import { elementCount } from '@/shared/geometry';
import type { PlanBuilder } from './planBuilder';
import type { StepArrays, StepDraft } from './step';
import { featureMapOf, type Value } from './value';

/**
 * A loss that is the mean over samples evaluates each micro-batch as soon as it has its outputs; the sums of each are kept
 * side by side. Any other evaluates all of them before it gives the gradient of the first.
 */
export function lowerLoss(value: Value<'lossGradient'>, builder: PlanBuilder): void {
  const [head, targetValue] = value.inputs;
  const { options, weight, name, microBatches = 1 } = value.attributes;
  const { batch: samples, channels: classes, size } = featureMapOf(head, value.op);
  const { limits } = builder.device;
  const isOneLoss = microBatches > 1 && !isMeanOverSamples(options);
  const shape = {
    batch: isOneLoss ? microBatches * samples : samples,
    classes,
    voxels: elementCount(size),
  };
  const sumsSize = lossSumsSize(shape);
  const sumsStride = Math.ceil(sumsSize / ALIGNMENT_ELEMENTS) * ALIGNMENT_ELEMENTS;
  const logits = builder.tensorOf(head);
  const target = builder.tensorOf(targetValue);
  const gradient = builder.addValue(value);
  const sums = builder.addKeptTensor(name, (isOneLoss ? 1 : microBatches) * sumsStride);
  const stored = { dtype: builder.dtypeOf(logits) };
  const scratchSize = lossScratchSize({ ...shape, options, limits, logits: stored });
  const scratch = isOneLoss
    ? builder.addKeptTensor(`${name} partials`, scratchSize)
    : builder.addTensor('loss partials', scratchSize);
  const argsOf = ({ tensor, control, microBatch }: StepArrays): LossArgs => {
    const part = isOneLoss ? 0 : microBatch;
    const allSums = tensor(sums);
    return {
      ...shape,
      options,
      limits,
      weight: isOneLoss ? weight : weight / microBatches,
      logits: tensor(logits),
      target: tensor(target),
      targetStart: part * samples,
      gradient: tensor(gradient),
      sums: { ...allSums, offset: allSums.offset + 4 * part * sumsStride, size: sumsSize },
      scratch: tensor(scratch),
      lossScale: control(),
    };
  };
  const own = ({ microBatch }: StepArrays) => ({ start: microBatch * samples, count: samples });
  const passes: Pick<StepDraft, 'launch' | 'evaluate' | 'conclude'> = isOneLoss
    ? {
        evaluate: (arrays) => lossStatistics(argsOf(arrays), own(arrays)),
        conclude: (arrays) => lossCombination(argsOf(arrays)),
        launch: (arrays) => lossGradient(argsOf(arrays), own(arrays)),
      }
    : {
        evaluate: (arrays) => lossValueDispatches(argsOf(arrays)),
        launch: (arrays) => lossDispatches(argsOf(arrays)),
      };
  builder.addStep(value.op, {
    ...passes,
    tensors: [logits, target, gradient, sums, scratch],
    isPerMicroBatch: true,
  });
}
