// numpy's legacy `RandomState`: nnU-Net draws fingerprints, class locations and splits from it, so the same seed must
// give the same draws here.

const STATE_SIZE = 624;
const SHIFT_SIZE = 397;
const UPPER_BIT = 0x80000000;
const LOWER_BITS = 0x7fffffff;
const TWIST = 0x9908b0df;

/** Where a generator stands: plain data, for other threads. */
export interface TwisterState {
  readonly words: Int32Array;
  /** Position in what the words give out. */
  readonly next: number;
}

/** MT19937 with the integer draws of `numpy.random.RandomState(seed)`. */
export class MersenneTwister {
  private readonly state = new Int32Array(STATE_SIZE);
  private next = STATE_SIZE;
  /** The state's numbers as they are given out, made for all of them at once. */
  private readonly outputs = new Int32Array(STATE_SIZE);

  constructor(seed: number) {
    this.state[0] = seed;
    for (let i = 1; i < STATE_SIZE; i++) {
      const previous = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(1812433253, previous) + i;
    }
  }

  /** Where it stands; {@link restored} goes on from there. */
  saved(): TwisterState {
    return { words: this.state.slice(), next: this.next };
  }

  static restored({ words, next }: TwisterState): MersenneTwister {
    const generator = new MersenneTwister(0);
    generator.state.set(words);
    temperAll(words, generator.outputs);
    generator.next = next;
    return generator;
  }

  /** 32 random bits. */
  uint32(): number {
    if (this.next === STATE_SIZE) this.advance();
    return this.outputs[this.next++] >>> 0;
  }

  /** Uniform integer in `[0, max]`; draws nothing for `max` 0. `max` below 2³². */
  integerUpTo(max: number): number {
    if (max === 0) return 0;
    const mask = 0xffffffff >>> Math.clz32(max);
    for (;;) {
      const value = (this.uint32() & mask) >>> 0;
      if (value <= max) return value;
    }
  }

  /** A random order of `0 … count − 1`, as `RandomState.permutation(count)`. */
  permutation(count: number): Uint32Array {
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.integerUpTo(i);
      const swapped = order[i];
      order[i] = order[j];
      order[j] = swapped;
    }
    return order;
  }

  /** Fills `target` with draws of {@link integerUpTo}, several times as fast. `max` below 2³¹. */
  integersUpTo(max: number, target: Uint32Array): void {
    if (max === 0) {
      target.fill(0);
      return;
    }
    const mask = 0x7fffffff >>> (Math.clz32(max) - 1);
    let filled = 0;
    while (target.length - filled >= STATE_SIZE) {
      if (this.next === STATE_SIZE) this.advance();
      filled = keepUpTo(max, mask, this.outputs, this.next, target, filled);
      this.next = STATE_SIZE;
    }
    while (filled < target.length) target[filled++] = this.integerUpTo(max);
  }

  private advance(): void {
    twistAll(this.state);
    temperAll(this.state, this.outputs);
    this.next = 0;
  }
}

/**
 * Appends those of `outputs` from `start` that are at most `max` under the mask; returns how many there are now. Without
 * a branch: half of them may be refused, and no processor can foresee which.
 */
function keepUpTo(
  max: number,
  mask: number,
  outputs: Int32Array,
  start: number,
  target: Uint32Array,
  filled: number,
): number {
  let kept = filled;
  for (let i = start; i < STATE_SIZE; i++) {
    const value = outputs[i] & mask;
    target[kept] = value;
    kept += 1 + ((max - value) >> 31);
  }
  return kept;
}

function twistAll(state: Int32Array): void {
  let i = 0;
  for (; i < STATE_SIZE - SHIFT_SIZE; i++) state[i] = state[i + SHIFT_SIZE] ^ twist(state[i], state[i + 1]);
  for (; i < STATE_SIZE - 1; i++) {
    state[i] = state[i + SHIFT_SIZE - STATE_SIZE] ^ twist(state[i], state[i + 1]);
  }
  state[i] = state[SHIFT_SIZE - 1] ^ twist(state[i], state[0]);
}

function twist(word: number, following: number): number {
  const y = (word & UPPER_BIT) | (following & LOWER_BITS);
  return (y >>> 1) ^ (-(y & 1) & TWIST);
}

function temperAll(state: Int32Array, outputs: Int32Array): void {
  for (let i = 0; i < STATE_SIZE; i++) {
    let y = state[i];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    outputs[i] = y ^ (y >>> 18);
  }
}
