import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { resampleSegmentation } from '@/core/preprocessing/resampling';
import { formatShape, type Zyx } from '@/shared/geometry';
import { defaultResampling } from '../../support/plans';

/**
 * A label map resampled as nnU-Net does, by scikit-image 0.19.3 and scipy 1.10.1. The first ones have labels whose share
 * is within 1e-12 of a half, so that the last bit of a sum of float64 decides.
 */
interface Row {
  readonly shape: Zyx;
  readonly newShape: Zyx;
  /** Resampled separately, if any. */
  readonly axis: 0 | 1 | 2 | null;
  readonly orderZ: number;
  /** Labels, int8 in base64. */
  readonly seg: string;
  readonly expected: string;
}

const rows: readonly Row[] = JSON.parse(
  readFileSync(path.join(import.meta.dirname, 'files/labelTies.json'), 'utf8'),
);
const labels = (base64: string) => Array.from(new Int8Array(Buffer.from(base64, 'base64')));

describe('labels that tie fall as in scipy', () => {
  test.each(
    rows.map((row) => ({ ...row, name: `${formatShape(row.shape)} to ${formatShape(row.newShape)}` })),
  )('$name, axis $axis apart', ({ shape, newShape, axis, orderZ, seg, expected }) => {
    const along = (d: number) => (d === axis ? 5 : 1);
    const spacing: Zyx = [along(0), along(1), along(2)];
    const resampling = { ...defaultResampling(1, true), orderZ, forceSeparateZ: axis !== null };
    const request = { shape, newShape, spacing, newSpacing: spacing, resampling };
    expect(Array.from(resampleSegmentation(Int16Array.from(labels(seg)), request))).toEqual(labels(expected));
  });
});
