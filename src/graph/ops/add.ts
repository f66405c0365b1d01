import { expectSameShape, type Value } from '../value';

/** `a + b`, elementwise; the shapes must be the same. */
export function add(a: Value, b: Value): Value<'add'> {
  expectSameShape(a.shape, b.shape, 'add');
  return { op: 'add', attributes: {}, inputs: [a, b], shape: a.shape };
}
