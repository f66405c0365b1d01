import { describe, expect } from 'vitest';
import { allocate, arrayOf, readFloats, upload } from '@/gpu/buffers';
import { runDispatches } from '@/gpu/dispatch';
import { copyVectors, MULTIPLY_ADD_CHAINS, multiplyAdd, multiplyAddFlop } from '@/kernels/multiplyAddPeak';
import { randomNormal } from '@/shared/random';
import { test } from '../support/gpu';

const THREADS = 128;
const CASES = MULTIPLY_ADD_CHAINS.flatMap((chains) =>
  (['f32', 'f16'] as const).map((dtype) => ({ dtype, chains })),
);

describe.each(CASES)('multiplyAdd, $chains chains in $dtype', (variant) => {
  test('computes every multiply-add that is counted', async ({ gpu }) => {
    // With factor 1 each multiply-add adds the summand to one lane of one chain: the sum tells how many there were.
    const summand = 2 ** -6;
    const sums: Float32Array[] = [];
    for (const turns of [0, 2]) {
      const operands = await upload(gpu, Float32Array.of(1, summand), 'operands');
      const y = arrayOf(await allocate(gpu, THREADS * 4, 'y'), THREADS);
      runDispatches(gpu, [multiplyAdd(variant, operands, y, turns, gpu.limits)]);
      sums.push(await readFloats(gpu, y));
    }
    const multiplyAdds = multiplyAddFlop(variant, THREADS, 2) / 2 / THREADS;
    const tolerance = variant.dtype === 'f16' ? 0.02 : 1e-5; // relative
    for (const [thread, before] of sums[0].entries()) {
      const gain = (sums[1][thread] - before) / summand;
      expect(Math.abs(gain - multiplyAdds) / multiplyAdds).toBeLessThan(tolerance);
    }
  });
});

test('copyVectors copies every element', async ({ gpu }) => {
  const data = randomNormal(4 * 1001, 1);
  const x = await upload(gpu, data, 'x');
  const y = arrayOf(await allocate(gpu, data.byteLength, 'y'), data.length);
  runDispatches(gpu, [copyVectors(x, y, gpu.limits)]);
  expect(await readFloats(gpu, y)).toEqual(data);
});
