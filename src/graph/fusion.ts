// Which nodes run as one step.

import type { Value } from './value';

/** `leakyRelu(norm(x) + residual)`, with or without the sum and the activation. */
export interface NormGroup {
  readonly norm: Value<NormOp>;
  readonly residual: Value | undefined;
  /** 1 without activation. */
  readonly negativeSlope: number;
}

type NormOp = 'instanceNorm' | 'batchNorm';

export interface Fusions {
  /** Groups by their last node, which is the value they produce. */
  readonly norms: ReadonlyMap<Value, NormGroup>;
  /** Nodes that another step computes or reads through: they produce nothing themselves. */
  readonly absorbed: ReadonlySet<Value>;
}

/** Finds the groups among `order` (a topological order). */
export function findFusions(order: readonly Value[], outputs: readonly Value[]): Fusions {
  const users = usersOf(order);
  const isInner = (value: Value) => users.get(value)?.length === 1 && !outputs.includes(value);
  const norms = new Map<Value, NormGroup>();
  const absorbed = new Set<Value>();
  // From the end, so that the largest group claims its nodes first.
  for (const value of order.toReversed()) {
    const group = absorbed.has(value)
      ? undefined
      : normGroupAt(value, (inner) => isInner(inner) && !absorbed.has(inner));
    if (!group) continue;
    norms.set(value, group.group);
    for (const inner of group.inner) absorbed.add(inner);
  }
  for (const value of order) {
    if (value.op === 'concatChannels' && isReadByConvsOnly(value, users) && !outputs.includes(value)) {
      absorbed.add(value);
    }
  }
  return { norms, absorbed };
}

function usersOf(order: readonly Value[]): Map<Value, Value[]> {
  const users = new Map<Value, Value[]>();
  for (const value of order) {
    for (const input of value.inputs) users.set(input, [...(users.get(input) ?? []), value]);
  }
  return users;
}

/** The group that ends in `last`, and its other nodes. `mayAbsorb` says whether a node has no other use. */
function normGroupAt(
  last: Value,
  mayAbsorb: (value: Value) => boolean,
): { readonly group: NormGroup; readonly inner: readonly Value[] } | undefined {
  const inner: Value[] = [];
  let value = last;
  let negativeSlope = 1;
  let residual: Value | undefined;
  const stepInto = (next: Value) => {
    inner.push(next);
    value = next;
  };
  if (value.op === 'leakyRelu') {
    if (!mayAbsorb(value.inputs[0])) return undefined;
    negativeSlope = value.attributes.negativeSlope;
    stepInto(value.inputs[0]);
  }
  if (value.op === 'add') {
    const [a, b] = value.inputs;
    const norm = [a, b].find((input) => isNorm(input) && mayAbsorb(input));
    if (!norm) return undefined;
    residual = norm === a ? b : a;
    stepInto(norm);
  }
  return isNorm(value) ? { group: { norm: value, residual, negativeSlope }, inner } : undefined;
}

function isNorm(value: Value): value is Value<NormOp> {
  return value.op === 'instanceNorm' || value.op === 'batchNorm';
}

/** A convolution reads a concatenation source by source; so does another concatenation that only convolutions read. */
function isReadByConvsOnly(concat: Value, users: ReadonlyMap<Value, readonly Value[]>): boolean {
  return (users.get(concat) ?? []).every(
    (user) =>
      (user.op === 'conv3d' && user.inputs[0] === concat && user.inputs.indexOf(concat, 1) < 0) ||
      (user.op === 'concatChannels' && isReadByConvsOnly(user, users)),
  );
}
