import { type LabelSet, labelSetOf } from '@/core/interop/labels';

/** A label set as dataset.json would declare it; for names that do not look like numbers. */
export function labelSet(
  labels: Readonly<Record<string, number | readonly number[]>>,
  regionsClassOrder?: readonly number[],
): LabelSet {
  return labelSetOf(new Map(Object.entries(labels)), regionsClassOrder);
}
