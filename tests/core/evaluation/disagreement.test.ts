import { describe, expect, test } from 'vitest';
import { AGREEMENT, disagreementMap } from '@/core/evaluation/disagreement';

const { both, onlyPrediction, onlyReference, otherLabel, onlyPredictionStripe, onlyReferenceDot } = AGREEMENT;
const meaning = (value: number) => {
  if (value === onlyPredictionStripe) return onlyPrediction;
  return value === onlyReferenceDot ? onlyReference : value;
};

describe('a map of disagreement', () => {
  const question = {
    prediction: [0, 1, 1, 2, 0, 1, 2],
    reference: [0, 1, 2, 0, 2, 3, 2],
    shape: [1, 1, 7] as const,
    ignoreLabel: 3,
  };

  test('of all labels tells another label from none; the ignored is left out', () => {
    const map = Array.from(disagreementMap(question), meaning);
    expect(map).toEqual([0, both, otherLabel, onlyPrediction, onlyReference, 0, both]);
  });

  test('of one label knows nothing of the others', () => {
    const map = Array.from(disagreementMap({ ...question, values: [2] }), meaning);
    expect(map).toEqual([0, 0, onlyReference, onlyPrediction, onlyReference, 0, both]);
  });

  test('of a region takes its labels for one', () => {
    const map = Array.from(disagreementMap({ ...question, values: [1, 2] }), meaning);
    expect(map).toEqual([0, both, both, onlyPrediction, onlyReference, 0, both]);
  });

  test('has stripes where only the prediction is, and dots where only the reference is', () => {
    const shape = [2, 8, 8] as const;
    const [full, empty] = [new Uint8Array(128).fill(1), new Uint8Array(128)];
    const counts = (map: Uint8Array) => new Set(map);
    const extra = disagreementMap({ prediction: full, reference: empty, shape, ignoreLabel: undefined });
    expect(counts(extra)).toEqual(new Set([onlyPrediction, onlyPredictionStripe]));
    expect(extra.filter((value) => value === onlyPredictionStripe)).toHaveLength(64);
    const lacking = disagreementMap({ prediction: empty, reference: full, shape, ignoreLabel: undefined });
    expect(counts(lacking)).toEqual(new Set([onlyReference, onlyReferenceDot]));
    expect(lacking.filter((value) => value === onlyReferenceDot)).toHaveLength(32);
  });
});
