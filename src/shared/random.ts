/** A stream of random numbers; the same seed gives the same stream on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
}

/** Small, fast generator (mulberry32) for weights, test data and augmentation. Not numpy's stream. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return fromUniform(() => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  });
}

/**
 * The stream of one thing among many, say of `(seed, iteration, sample)`: whoever asks for it, in whatever order, gets
 * the same numbers, and streams of other keys have nothing to do with it. Keys are non-negative integers below 2⁵³.
 */
export function keyedRandom(...keys: readonly number[]): Random {
  // sfc32: 128 bits of state, so that streams do not run into each other.
  let a = hashIntegers(0, ...keys) | 0;
  let b = hashIntegers(1, ...keys) | 0;
  let c = hashIntegers(2, ...keys) | 0;
  let counter = 1;
  const next = () => {
    const t = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return (t >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 12; i++) next();
  return fromUniform(next);
}

function fromUniform(uniform: () => number): Random {
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal };
}

/** 32 well mixed bits of some non-negative integers below 2⁵³, order counted. */
export function hashIntegers(...integers: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const integer of integers) {
    hash = mixBits(hash ^ mixBits(integer >>> 0));
    hash = mixBits((hash + Math.floor(integer / 2 ** 32) + 0x85ebca6b) >>> 0);
  }
  return hash;
}

/** A bijection of 32 bits that spreads each over all (murmur3's finaliser). Shaders have the same. */
export function mixBits(bits: number): number {
  let x = bits | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Uniform in `[low, high)`. */
export function uniformIn(random: Random, [low, high]: readonly [number, number]): number {
  return low + (high - low) * random.uniform();
}

/** Uniform integer in `[0, count)`. */
export function integerBelow(random: Random, count: number): number {
  return Math.floor(random.uniform() * count);
}

/** The values in an order drawn by Fisher and Yates' shuffle. */
export function shuffled<T>(random: Random, values: readonly T[]): T[] {
  const result = [...values];
  for (let i = result.length - 1; i > 0; i--) {
    const other = integerBelow(random, i + 1);
    [result[i], result[other]] = [result[other], result[i]];
  }
  return result;
}

/** `size` standard normal numbers, f32. */
export function randomNormal(size: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: size }, () => random.normal());
}
