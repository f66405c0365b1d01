// numpy's float32 sum, to the bit, of numbers that arrive in segments: chunks of its iterator's buffer are summed
// pairwise and added up one after the other. So do the versions of numpy that nnU-Net's published plans come from; the
// newest (seen in 2.4) sum pairwise throughout, which differs by some 1e-6 of the result.

/** Numbers in the buffer of numpy's iterator. */
const CHUNK = 8192;
/** Numbers that pairwise summation adds in one go, with eight accumulators. */
const LEAF = 128;

/** What one segment of all numbers adds. */
export interface SegmentSums {
  readonly start: number;
  /** Sums of the chunks that lie inside the segment. */
  readonly chunks: Float32Array;
  /** Numbers before the first of these chunks, and behind the last. */
  readonly head: Float32Array;
  readonly tail: Float32Array;
}

/** Puts the next numbers of the segment into `target`. */
export type NextNumbers = (target: Float32Array) => void;

/** Sums the segment `[start, start + length)` of `total` numbers, taken one after the other from `next`. */
export function sumSegment(total: number, start: number, length: number, next: NextNumbers): SegmentSums {
  const end = start + length;
  const firstWhole = Math.min(end, Math.ceil(start / CHUNK) * CHUNK);
  // The last chunk of all may be short, and is whole all the same.
  const lastWhole = end === total ? end : Math.max(firstWhole, Math.floor(end / CHUNK) * CHUNK);
  const take = (count: number) => {
    const numbers = new Float32Array(count);
    next(numbers);
    return numbers;
  };
  const head = take(firstWhole - start);
  const buffer = new Float32Array(CHUNK);
  const chunks = new Float32Array(Math.ceil((lastWhole - firstWhole) / CHUNK));
  for (let i = 0; i < chunks.length; i++) {
    const chunk = buffer.subarray(0, Math.min(CHUNK, lastWhole - firstWhole - i * CHUNK));
    next(chunk);
    chunks[i] = pairwiseSum(chunk, 0, chunk.length);
  }
  return { start, chunks, head, tail: take(end - lastWhole) };
}

/** The sum of all numbers from segments that cover them, in order. */
export function joinSegments(segments: readonly SegmentSums[]): number {
  let sum = 0;
  let open = new Float32Array(0);
  const add = (value: number) => {
    sum = Math.fround(sum + value);
  };
  const closeChunk = () => {
    if (open.length > 0) add(pairwiseSum(open, 0, open.length));
    open = new Float32Array(0);
  };
  for (const { head, chunks, tail, start } of segments) {
    open = joined(open, head);
    if ((start + head.length) % CHUNK === 0) closeChunk();
    for (const chunk of chunks) add(chunk);
    open = joined(open, tail);
  }
  closeChunk();
  return sum;
}

function joined(a: Float32Array, b: Float32Array): Float32Array<ArrayBuffer> {
  const both = new Float32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function pairwiseSum(numbers: Float32Array, start: number, count: number): number {
  if (count <= LEAF) return leafSum(numbers, start, count);
  const half = Math.floor(count / 2);
  const left = half - (half % 8);
  const sum = pairwiseSum(numbers, start, left);
  return Math.fround(sum + pairwiseSum(numbers, start + left, count - left));
}

/** Eight running sums where there are eight numbers, then the rest. */
function leafSum(numbers: Float32Array, start: number, count: number): number {
  const fround = Math.fround;
  const end = start + count;
  if (count < 8) {
    let sum = 0;
    for (let i = start; i < end; i++) sum = fround(sum + numbers[i]);
    return sum;
  }
  let s0 = numbers[start];
  let s1 = numbers[start + 1];
  let s2 = numbers[start + 2];
  let s3 = numbers[start + 3];
  let s4 = numbers[start + 4];
  let s5 = numbers[start + 5];
  let s6 = numbers[start + 6];
  let s7 = numbers[start + 7];
  let i = start + 8;
  for (; i + 8 <= end; i += 8) {
    s0 = fround(s0 + numbers[i]);
    s1 = fround(s1 + numbers[i + 1]);
    s2 = fround(s2 + numbers[i + 2]);
    s3 = fround(s3 + numbers[i + 3]);
    s4 = fround(s4 + numbers[i + 4]);
    s5 = fround(s5 + numbers[i + 5]);
    s6 = fround(s6 + numbers[i + 6]);
    s7 = fround(s7 + numbers[i + 7]);
  }
  const low = fround(fround(s0 + s1) + fround(s2 + s3));
  let sum = fround(low + fround(fround(s4 + s5) + fround(s6 + s7)));
  for (; i < end; i++) sum = fround(sum + numbers[i]);
  return sum;
}
