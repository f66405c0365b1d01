// What Python values become here. None is null, bool boolean, float and int number (a bigint beyond 2^53), str string,
// bytes and bytearray Uint8Array, list Array, dict Map, set Set; the rest are the classes below.

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleTuple
  | PickleMap
  | Set<PickleValue>
  | PickleObject;

/** A dict; Python's insertion order is a Map's own. */
export type PickleMap = Map<PickleValue, PickleValue>;

export class PickleTuple {
  readonly items: readonly PickleValue[];
  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

/** `collections.OrderedDict`. Attributes set on it (torch's `_metadata`) are dropped. */
export class OrderedDict<V = PickleValue> extends Map<PickleValue, V> {}

/** A value of a class on the allow-list that has no counterpart above (tensors, numpy types, devices, …). */
export abstract class PickleObject {
  /** How messages name it. */
  abstract readonly typeName: string;
  /** Python's `__setstate__`; classes that have none refuse it. */
  setState(_state: PickleValue): void {
    throw new Error(`${this.typeName} takes no state`);
  }
}

/** A class or function on the allow-list: a name with our own idea of what calling it gives. */
export class PickleGlobal extends PickleObject {
  /** `module.name`. */
  readonly typeName: string;
  readonly call: (args: readonly PickleValue[]) => PickleValue;
  constructor(typeName: string, call: (args: readonly PickleValue[]) => PickleValue) {
    super();
    this.typeName = typeName;
    this.call = call;
  }
}

/** A name that is only ever passed on (a dtype, a class as an argument), never called. */
export function inertGlobal(typeName: string): PickleGlobal {
  return new PickleGlobal(typeName, () => {
    throw new Error(`${typeName} cannot be called`);
  });
}

export function isDict(value: PickleValue | undefined): value is PickleMap {
  return value instanceof Map;
}

/** Items of a list or tuple; `undefined` for anything else. */
export function sequenceItems(value: PickleValue | undefined): readonly PickleValue[] | undefined {
  if (Array.isArray(value)) return value;
  return value instanceof PickleTuple ? value.items : undefined;
}

/** A list or tuple of integers; `undefined` for anything else. */
export function integerItems(value: PickleValue | undefined): readonly number[] | undefined {
  const items = sequenceItems(value);
  return items?.every((item): item is number => Number.isSafeInteger(item)) ? items : undefined;
}

/** How messages name the kind of a value. */
export function pickleTypeName(value: PickleValue): string {
  if (value === null) return 'None';
  if (value instanceof PickleObject) return value.typeName;
  if (value instanceof PickleTuple) return 'tuple';
  if (value instanceof Map) return 'dict';
  if (value instanceof Set) return 'set';
  if (value instanceof Uint8Array) return 'bytes';
  return Array.isArray(value) ? 'list' : typeof value;
}
