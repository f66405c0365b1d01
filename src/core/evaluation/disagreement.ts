// Where a prediction and its reference differ, as a label map to look at.
import type { Zyx } from '@/shared/geometry';
import type { LabelOrRegion } from './metrics';

/** What a voxel of the map means. What only one of the two has comes in stripes or dots of two values. */
export const AGREEMENT = {
  both: 1,
  onlyPrediction: 2,
  onlyReference: 3,
  /** Both have a label there, but not the same; only where all labels are looked at. */
  otherLabel: 4,
  onlyPredictionStripe: 5,
  onlyReferenceDot: 6,
} as const;

/** Period and width of stripes and dots, voxels. */
const STRIPE_PERIOD = 4;
const STRIPE_WIDTH = 2;
const DOT_PERIOD = 2;

export interface DisagreementOptions {
  readonly prediction: ArrayLike<number>;
  readonly reference: ArrayLike<number>;
  /** Of both, `[z, y, x]`. */
  readonly shape: Zyx;
  /** Label or region to look at; all foreground labels where left out. */
  readonly values?: LabelOrRegion;
  readonly ignoreLabel: number | undefined;
}

/** Values of {@link AGREEMENT} where either has the label, 0 elsewhere and where the reference is ignored. */
export function disagreementMap({
  prediction,
  reference,
  shape: [nz, ny, nx],
  values,
  ignoreLabel,
}: DisagreementOptions): Uint8Array {
  const has = values ? (label: number) => values.includes(label) : (label: number) => label !== 0;
  const map = new Uint8Array(nz * ny * nx);
  for (let z = 0, i = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, i++) {
        const [predicted, there] = [prediction[i], reference[i]];
        if ((predicted === 0 && there === 0) || there === ignoreLabel) continue;
        const [isPredicted, isThere] = [has(predicted), has(there)];
        if (isPredicted && isThere) {
          map[i] = values || predicted === there ? AGREEMENT.both : AGREEMENT.otherLabel;
        } else if (isPredicted) {
          const isStripe = (x + y + z) % STRIPE_PERIOD < STRIPE_WIDTH;
          map[i] = isStripe ? AGREEMENT.onlyPredictionStripe : AGREEMENT.onlyPrediction;
        } else if (isThere) {
          const isDot = x % DOT_PERIOD === 0 && y % DOT_PERIOD === 0;
          map[i] = isDot ? AGREEMENT.onlyReferenceDot : AGREEMENT.onlyReference;
        }
      }
    }
  }
  return map;
}
