// Which elements dropout drops. A mask is a pure function of seed, layer, step and position: nothing is kept of it.

/** How a network drops. */
export interface DropoutOptions {
  /** Of being dropped, in [0, 1]. */
  readonly probability: number;
  /** Elements one by one (torch's `Dropout`), or whole channels of samples (`Dropout2d`, `Dropout3d`). */
  readonly of: 'elements' | 'channels';
}

/** One layer's masks over all steps. */
export interface DropoutMask extends DropoutOptions {
  /** Of the run: a whole number, of which the lower 32 bits count. */
  readonly seed: number;
  /** Tells the layers of a network apart. */
  readonly layer: number;
}

/** Bits of a draw that are compared with the probability, so that 1 is a threshold like any other. */
const DRAW_BITS = 24;

/** What remains is multiplied by this, so that its expectation stays. */
export function dropoutScale(probability: number): number {
  return probability < 1 ? 1 / (1 - probability) : 0;
}

/** Draws below it are dropped. */
export function dropoutThreshold(probability: number): number {
  return Math.round(probability * 2 ** DRAW_BITS);
}

/** `x` with its dropped elements 0 and the others scaled; `planeLength`: voxels of a channel. */
export function dropoutReference(
  x: Float64Array,
  planeLength: number,
  mask: DropoutMask,
  step: number,
): Float64Array {
  const threshold = dropoutThreshold(mask.probability);
  const scale = dropoutScale(mask.probability);
  const perDraw = mask.of === 'channels' ? planeLength : 1;
  return x.map((value, i) => {
    const draw = hash(Math.floor(i / perDraw), step, mask.layer, mask.seed) >>> (32 - DRAW_BITS);
    return draw < threshold ? 0 : value * scale;
  });
}

/** 32 bits for four: pcg4d of Jarzynski and Olano, "Hash Functions for GPU Rendering" (JCGT 9, 2020). */
function hash(...[a, b, c, d]: readonly [number, number, number, number]): number {
  let [x, y, z, w] = [congruent(a), congruent(b), congruent(c), congruent(d)];
  const stir = () => {
    x = (x + Math.imul(y, w)) | 0;
    y = (y + Math.imul(z, x)) | 0;
    z = (z + Math.imul(x, y)) | 0;
    w = (w + Math.imul(y, z)) | 0;
  };
  stir();
  x ^= x >>> 16;
  y ^= y >>> 16;
  z ^= z >>> 16;
  w ^= w >>> 16;
  stir();
  return x >>> 0;
}

function congruent(counter: number): number {
  return (Math.imul(counter, 1664525) + 1013904223) | 0;
}
