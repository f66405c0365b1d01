import { describe, expect, test } from 'vitest';
import { differentiate } from '@/graph/differentiate';
import { conv3d } from '@/graph/ops/conv3d';
import { dropout } from '@/graph/ops/dropout';
import { zeroGradient } from '@/graph/ops/gradients';
import { input, parameter } from '@/graph/ops/leaves';
import { OP_TRAITS } from '@/graph/opTraits';
import type { OpName, Value } from '@/graph/value';

const weight = parameter('w', [2, 2, 1, 1, 1], 'kaimingNormal');
const x = conv3d(input('x', [1, 2, 2, 2, 2]), weight, undefined);

describe('what the tables say of ops', () => {
  test('an op without a gradient rule says why it has none', () => {
    const dropped = dropout(x, { probability: 0.5, of: 'elements' });
    const graph = { inputs: [], parameters: [weight], outputs: [dropped] };
    expect(() => differentiate(graph, [input('dy', dropped.shape)])).toThrow(
      'dropout has no gradient rule: trainingGraph puts other ops in its place',
    );
  });

  test('second derivatives are refused as such', () => {
    const again: Value = {
      op: 'leakyReluGradient',
      attributes: { negativeSlope: 0.1 },
      inputs: [x, x],
      shape: x.shape,
    };
    const graph = { inputs: [], parameters: [weight], outputs: [again] };
    expect(() => differentiate(graph, [input('dy', again.shape)])).toThrow(
      'second derivatives are not taken',
    );
  });

  test('what adds up over micro-batches is kept in 32 bits', () => {
    const names = Object.keys(OP_TRAITS) as OpName[];
    const adding = names.filter((op) => OP_TRAITS[op].accumulates);
    expect(adding).toContain(zeroGradient(3).op);
    for (const op of adding) expect(OP_TRAITS[op].storage, op).toBe('f32');
  });
});
