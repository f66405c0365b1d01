import { expectSameShape, featureMapOf, type Value } from '../value';

/** `a`, `b`: `[n, ca, z, y, x]`, `[n, cb, z, y, x]` → `[n, ca + cb, z, y, x]`, `a`'s channels first. */
export function concatChannels(a: Value, b: Value): Value<'concatChannels'> {
  const first = featureMapOf(a, 'concatChannels');
  const second = featureMapOf(b, 'concatChannels');
  expectSameShape(
    [first.batch, ...first.size],
    [second.batch, ...second.size],
    'concatChannels (n, z, y, x)',
  );
  return {
    op: 'concatChannels',
    attributes: {},
    inputs: [a, b],
    shape: [first.batch, first.channels + second.channels, ...first.size],
  };
}
