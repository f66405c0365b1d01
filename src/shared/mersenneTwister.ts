// numpy's legacy `RandomState`: nnU-Net draws fingerprints, class locations and splits from it, so the same seed must
// give the same draws here.

const STATE_SIZE = 624;
const SHIFT_SIZE = 397;
const UPPER_BIT = 0x80000000;
const LOWER_BITS = 0x7fffffff;
const TWIST = 0x9908b0df;

/** MT19937 with the integer draws of `numpy.random.RandomState(seed)`. */
export class MersenneTwister {
  private readonly state = new Uint32Array(STATE_SIZE);
  private next = STATE_SIZE;

  constructor(seed: number) {
    this.state[0] = seed;
    for (let i = 1; i < STATE_SIZE; i++) {
      const previous = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(1812433253, previous) + i;
    }
  }

  /** 32 random bits. */
  uint32(): number {
    if (this.next === STATE_SIZE) this.twist();
    let y = this.state[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    return y >>> 0;
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

  private twist(): void {
    const { state } = this;
    for (let i = 0; i < STATE_SIZE; i++) {
      const y = (state[i] & UPPER_BIT) | (state[(i + 1) % STATE_SIZE] & LOWER_BITS);
      state[i] = state[(i + SHIFT_SIZE) % STATE_SIZE] ^ (y >>> 1) ^ (y & 1 ? TWIST : 0);
    }
    this.next = 0;
  }
}
