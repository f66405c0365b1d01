import type { FingerprintDocument } from '@/core/planning/plansDocument';
import { median } from '@/shared/statistics';
import { type CaseFingerprint, type IntensitySample, mergeSorted } from './caseFingerprint';

/**
 * The dataset's fingerprint from its cases, in the order of their sorted ids; the document of
 * `dataset_fingerprint.json`.
 *
 * Follows nnU-Net's `DatasetFingerprintExtractor.run`.
 */
export function datasetFingerprint(cases: readonly CaseFingerprint[], channels: number): FingerprintDocument {
  const properties: Record<string, Record<string, number>> = {};
  for (let c = 0; c < channels; c++) {
    properties[`${c}`] = intensityProperties(cases.map(({ intensities }) => intensities[c]));
  }
  return {
    foreground_intensity_properties_per_channel: properties,
    median_relative_size_after_cropping: median(cases.map((one) => one.relativeSizeAfterCropping)),
    shapes_after_crop: cases.map((one) => one.shapeAfterCrop),
    spacings: cases.map((one) => one.spacing),
  };
}

/** Statistics of one channel over all samples; std is that of the population. Keys in the order nnU-Net writes. */
function intensityProperties(samples: readonly IntensitySample[]): Record<string, number> {
  const { values, counts } = pooled(samples);
  const total = counts.reduce((sum, count) => sum + count, 0);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * counts[i];
  const mean = sum / total;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i] - mean) ** 2 * counts[i];
  const at = orderStatistic(values, counts);
  return {
    max: values.length > 0 ? values[values.length - 1] : Number.NaN,
    mean,
    median: interpolated(at, total, 50),
    min: values.length > 0 ? values[0] : Number.NaN,
    percentile_00_5: interpolated(at, total, 0.5),
    percentile_99_5: interpolated(at, total, 99.5),
    std: Math.sqrt(squares / total),
  };
}

function pooled(samples: readonly IntensitySample[]): IntensitySample {
  const length = samples.reduce((total, { values }) => total + values.length, 0);
  const values = new Float32Array(length);
  const counts = new Float64Array(length);
  let at = 0;
  for (const sample of samples) {
    values.set(sample.values, at);
    counts.set(sample.counts, at);
    at += sample.values.length;
  }
  const order = Uint32Array.from(values.keys()).sort((a, b) => values[a] - values[b]);
  return mergeSorted(
    Float32Array.from(order, (i) => values[i]),
    Float64Array.from(order, (i) => counts[i]),
  );
}

/** The sample of a given rank, `0 … total − 1`, in ascending order. */
function orderStatistic(values: Float32Array, counts: Float64Array): (rank: number) => number {
  const end = new Float64Array(counts.length);
  let total = 0;
  for (let i = 0; i < counts.length; i++) {
    total += counts[i];
    end[i] = total;
  }
  return (rank) => {
    let low = 0;
    let high = end.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (end[middle] > rank) high = middle;
      else low = middle + 1;
    }
    return values[low];
  };
}

/** Linear interpolation between order statistics at position q·(n − 1). */
function interpolated(at: (rank: number) => number, total: number, q: number): number {
  if (total === 0) return Number.NaN;
  const position = (total - 1) * (q / 100);
  const below = Math.floor(position);
  const fraction = position - below;
  return at(below) * (1 - fraction) + at(Math.min(below + 1, total - 1)) * fraction;
}
