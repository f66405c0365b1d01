// An unpickler that runs nothing. A pickle is a program for a small stack machine; Python's own machine may import and
// call anything. This one knows the instructions of protocols 0 to 5, and only the names it is handed: each is a
// plain function of ours that builds plain data. Every other name ends the reading.
//
// Ours, as pickleparser (0.2.1) builds an object for every name that nobody resolves, calls what a pickle calls, and tells
// neither the place of a fault nor how much memory a pickle claims.
//
// Instruction set and semantics: CPython's `Lib/pickletools.py` documents them.
import { StudioError } from '@/shared/errors';
import { formatBytes } from '@/shared/numeric';
import { isHarmlessName, memberOf, opaqueGlobal, PickleOpaque, unionOf } from './pickleOpaque';
import { PickleGlobal, PickleObject, PickleTuple, type PickleValue, pickleTypeName } from './pickleValues';

export interface PickleOptions {
  /** The file, as messages name it. */
  readonly file: string;
  /** Allowed names, `module.name`. */
  readonly globals: ReadonlyMap<string, PickleGlobal>;
  /**
   * Whether names of plain data and of classes that are not on the list stand for themselves, as values that are known by
   * their names alone. Without it every other name is refused.
   */
  readonly keepsHarmless?: boolean;
  /** What a persistent id stands for (torch: a storage outside the pickle). Without it they are refused. */
  readonly persistentLoad?: (id: PickleValue) => PickleValue;
}

export interface Unpickled {
  readonly value: PickleValue;
  /** Bytes up to and including the STOP instruction; more pickles or data may follow. */
  readonly end: number;
}

/** A nnU-Net checkpoint's pickle is under 1 MB; each byte may cost some hundred bytes of memory. */
const MAX_PICKLE_BYTES = 64e6;
const MAX_STACK = 1e6;
const MAX_DEPTH = 200;
/** Text and integers that no checkpoint comes near. */
const MAX_LINE_BYTES = 1e6;
const MAX_INTEGER_BYTES = 1024;

/** Reads the pickle at the start of `bytes`. Throws `DisallowedGlobal` or `BadPickle`. */
export function unpickle(bytes: Uint8Array, options: PickleOptions): Unpickled {
  const machine = new PickleMachine(bytes, options);
  try {
    const value = machine.run();
    assertDepth(value);
    return { value, end: machine.position };
  } catch (error) {
    if (error instanceof StudioError) throw error;
    throw new StudioError(
      'BadPickle',
      `${options.file}: the pickle is damaged near byte ${machine.position} (${error instanceof Error ? error.message : error}).`,
      'Copy or download the file again.',
      { cause: error },
    );
  }
}

/** Consumers walk values recursively; a chain of a million lists would end their call stack. */
function assertDepth(root: PickleValue): void {
  const seen = new Set<PickleValue>();
  const pending: { value: PickleValue; depth: number }[] = [{ value: root, depth: 0 }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { value, depth } = next;
    if (depth > MAX_DEPTH) throw new Error(`nested more than ${MAX_DEPTH} deep`);
    if (seen.has(value)) continue;
    const children = childrenOf(value);
    if (!children) continue;
    seen.add(value);
    for (const child of children) pending.push({ value: child, depth: depth + 1 });
  }
}

function childrenOf(value: PickleValue): Iterable<PickleValue> | undefined {
  if (value instanceof PickleTuple) return value.items;
  if (value instanceof Map) return [...value.keys(), ...value.values()];
  return Array.isArray(value) || value instanceof Set ? value : undefined;
}

/** Functions that are harmless with some arguments: what they give then. */
const RESTRICTED: ReadonlyMap<string, (args: readonly PickleValue[]) => PickleValue | undefined> = new Map([
  ['builtins.getattr', memberOf],
  ['__builtin__.getattr', memberOf],
  ['operator.or_', unionOf],
  ['_operator.or_', unionOf],
]);

/** Marks the start of a variable number of stack items. */
const MARK = Symbol('mark');
type StackItem = PickleValue | typeof MARK;
/** One letter of protocol 0 and 1, or a byte of the later protocols. */
type Instruction = (machine: PickleMachine) => void;

class PickleMachine {
  position = 0;
  readonly stack: StackItem[] = [];
  readonly memo = new Map<number, PickleValue>();
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly options: PickleOptions;

  constructor(bytes: Uint8Array, options: PickleOptions) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.options = options;
  }

  run(): PickleValue {
    for (;;) {
      const code = this.uint8();
      if (code === STOP) return this.pop();
      const instruction = INSTRUCTIONS.get(code);
      if (!instruction) throw new Error(`unknown instruction 0x${code.toString(16)}`);
      instruction(this);
      if (this.stack.length > MAX_STACK) throw new Error(`more than ${MAX_STACK} values pending`);
      if (this.position > MAX_PICKLE_BYTES) throw new Error(`longer than ${formatBytes(MAX_PICKLE_BYTES)}`);
    }
  }

  /** The next `count` bytes, in place. */
  take(count: number): Uint8Array {
    if (count < 0 || this.position + count > this.bytes.length) throw new Error('it ends too early');
    this.position += count;
    return this.bytes.subarray(this.position - count, this.position);
  }

  uint8(): number {
    return this.take(1)[0];
  }
  uint16(): number {
    this.take(2);
    return this.view.getUint16(this.position - 2, true);
  }
  int32(): number {
    this.take(4);
    return this.view.getInt32(this.position - 4, true);
  }
  uint32(): number {
    return this.int32() >>> 0;
  }
  uint64(): number {
    this.take(8);
    return Number(this.view.getBigUint64(this.position - 8, true));
  }
  float64(): number {
    this.take(8);
    return this.view.getFloat64(this.position - 8, false);
  }

  /** Text up to the next line end, which is consumed. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0 || end - this.position > MAX_LINE_BYTES) throw new Error('a line has no end');
    const text = latin1(this.take(end - this.position));
    this.position++;
    return text;
  }

  push(value: StackItem): void {
    this.stack.push(value);
  }

  pop(): PickleValue {
    const value = this.stack.pop();
    if (value === undefined || value === MARK) throw new Error('the stack is empty');
    return value;
  }

  top(): PickleValue {
    const value = this.stack.at(-1);
    if (value === undefined || value === MARK) throw new Error('the stack is empty');
    return value;
  }

  /** Everything above the newest mark; the mark goes too. */
  popToMark(): PickleValue[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) throw new Error('a mark is missing');
    const items = this.stack.splice(mark).slice(1);
    return items.filter((item): item is PickleValue => item !== MARK);
  }

  remember(index: number): void {
    this.memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw new Error(`nothing is remembered as ${index}`);
    this.push(value);
  }

  global(module: string, name: string): PickleGlobal {
    const fullName = `${module}.${name}`;
    const found = this.options.globals.get(fullName);
    if (found) return found;
    if (this.options.keepsHarmless) {
      const restricted = RESTRICTED.get(fullName);
      if (restricted) return new PickleGlobal(fullName, (args) => restricted(args) ?? this.refuse(fullName));
      if (isHarmlessName(module, name)) return opaqueGlobal(fullName);
    }
    return this.refuse(fullName);
  }

  private refuse(fullName: string): never {
    throw new StudioError(
      'DisallowedGlobal',
      `${this.options.file} asks for ${fullName}, which is no plain data and could run code.`,
      'Nothing was run. Do not load this file elsewhere unless you trust its maker; save the weights alone and try again.',
    );
  }

  persistent(id: PickleValue): void {
    if (!this.options.persistentLoad) throw new Error('it refers to data outside itself');
    this.push(this.options.persistentLoad(id));
  }

  call(callee: PickleValue, args: PickleValue): void {
    if (callee instanceof PickleOpaque) this.refuse(callee.typeName);
    if (!(callee instanceof PickleGlobal)) throw new Error(`${pickleTypeName(callee)} cannot be called`);
    if (!(args instanceof PickleTuple)) throw new Error('arguments are not a tuple');
    this.push(callee.call(args.items));
  }
}

function utf8(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function asInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Two's complement, little-endian, as LONG1 and LONG4 have it. */
function longFromBytes(bytes: Uint8Array): number | bigint {
  if (bytes.length > MAX_INTEGER_BYTES) throw new Error('an integer is too long');
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
  return asInteger(BigInt.asIntN(bytes.length * 8, value));
}

function integerFromText(text: string): number | bigint {
  if (text.length > MAX_INTEGER_BYTES || !/^[+-]?\d+$/.test(text)) throw new Error('an integer is malformed');
  return asInteger(BigInt(text));
}

/** Protocol 0: `01` and `00` are the booleans. */
function integerOrBoolean(text: string): number | bigint | boolean {
  if (text === '01') return true;
  return text === '00' ? false : integerFromText(text);
}

const SPECIAL_FLOATS: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
]);

function floatFromText(text: string): number {
  const special = SPECIAL_FLOATS.get(text);
  if (special !== undefined) return special;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isNaN(value)) throw new Error('a number is malformed');
  return value;
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  "'": "'",
  '"': '"',
};

/** Protocol 0's `'…'` with Python's escapes. */
function quotedText(line: string): string {
  const quote = line[0];
  if (line.length < 2 || (quote !== "'" && quote !== '"') || !line.endsWith(quote)) {
    throw new Error('a string has no quotes');
  }
  return line.slice(1, -1).replace(/\\(x[0-9a-fA-F]{2}|.)/g, (_, code: string) => {
    if (code.length === 3) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return ESCAPES[code] ?? `\\${code}`;
  });
}

/** Protocol 0's UNICODE: Latin-1 with `\uXXXX` and `\UXXXXXXXX`. */
function rawUnicode(line: string): string {
  return line.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_, short?: string, long?: string) =>
    String.fromCodePoint(Number.parseInt(short ?? long ?? '', 16)),
  );
}

function appendAll(target: PickleValue, items: readonly PickleValue[]): void {
  if (target instanceof PickleOpaque) return;
  if (!Array.isArray(target)) throw new Error(`cannot append to ${pickleTypeName(target)}`);
  for (const item of items) target.push(item);
}

function setAll(target: PickleValue, items: readonly PickleValue[]): void {
  if (target instanceof PickleOpaque) return;
  if (!(target instanceof Map)) throw new Error(`cannot set items of ${pickleTypeName(target)}`);
  if (items.length % 2) throw new Error('a key has no value');
  for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1]);
}

function addAll(target: PickleValue, items: readonly PickleValue[]): void {
  if (target instanceof PickleOpaque) return;
  if (!(target instanceof Set)) throw new Error(`cannot add to ${pickleTypeName(target)}`);
  for (const item of items) target.add(item);
}

function buildDict(items: readonly PickleValue[]): PickleValue {
  const dict = new Map<PickleValue, PickleValue>();
  setAll(dict, items);
  return dict;
}

/** BUILD: `__setstate__`. Attributes hung on a dict (torch puts `_metadata` on state dicts) carry nothing we need. */
function setState(target: PickleValue, state: PickleValue): void {
  if (target instanceof Map) return;
  if (!(target instanceof PickleObject)) throw new Error(`${pickleTypeName(target)} takes no state`);
  target.setState(state);
}

/** NEWOBJ and OBJ: for the classes we allow, the same as calling them. */
function instantiate(machine: PickleMachine, [callee, ...args]: readonly PickleValue[]): void {
  machine.call(callee ?? null, new PickleTuple(args));
}

function textOf(value: PickleValue): string {
  if (typeof value !== 'string') throw new Error('a name is not text');
  return value;
}

function inOrder(machine: PickleMachine, count: number): PickleValue[] {
  return Array.from({ length: count }, () => machine.pop()).reverse();
}

const STOP = 0x2e;

const LETTERS: Readonly<Record<string, Instruction>> = {
  '(': (m) => m.push(MARK),
  '0': (m) => void m.stack.pop(),
  '1': (m) => void m.popToMark(),
  '2': (m) => m.push(m.top()),
  N: (m) => m.push(null),
  I: (m) => m.push(integerOrBoolean(m.line())),
  L: (m) => m.push(integerFromText(m.line().replace(/L$/, ''))),
  J: (m) => m.push(m.int32()),
  K: (m) => m.push(m.uint8()),
  M: (m) => m.push(m.uint16()),
  F: (m) => m.push(floatFromText(m.line())),
  G: (m) => m.push(m.float64()),
  S: (m) => m.push(quotedText(m.line())),
  T: (m) => m.push(latin1(m.take(m.int32()))),
  U: (m) => m.push(latin1(m.take(m.uint8()))),
  V: (m) => m.push(rawUnicode(m.line())),
  X: (m) => m.push(utf8(m.take(m.uint32()))),
  B: (m) => m.push(m.take(m.uint32()).slice()),
  C: (m) => m.push(m.take(m.uint8()).slice()),
  ']': (m) => m.push([]),
  l: (m) => m.push(m.popToMark()),
  a: (m) => {
    const item = m.pop();
    appendAll(m.top(), [item]);
  },
  e: (m) => {
    const items = m.popToMark();
    appendAll(m.top(), items);
  },
  ')': (m) => m.push(new PickleTuple([])),
  t: (m) => m.push(new PickleTuple(m.popToMark())),
  '}': (m) => m.push(new Map()),
  d: (m) => m.push(buildDict(m.popToMark())),
  s: (m) => {
    const items = inOrder(m, 2);
    setAll(m.top(), items);
  },
  u: (m) => {
    const items = m.popToMark();
    setAll(m.top(), items);
  },
  p: (m) => m.remember(Number(integerFromText(m.line()))),
  q: (m) => m.remember(m.uint8()),
  r: (m) => m.remember(m.uint32()),
  g: (m) => m.recall(Number(integerFromText(m.line()))),
  h: (m) => m.recall(m.uint8()),
  j: (m) => m.recall(m.uint32()),
  c: (m) => {
    const module = m.line();
    m.push(m.global(module, m.line()));
  },
  i: (m) => {
    const module = m.line();
    m.call(m.global(module, m.line()), new PickleTuple(m.popToMark()));
  },
  o: (m) => instantiate(m, m.popToMark()),
  R: (m) => {
    const [callee, args] = inOrder(m, 2);
    m.call(callee, args);
  },
  b: (m) => {
    const state = m.pop();
    setState(m.top(), state);
  },
  P: (m) => m.persistent(m.line()),
  Q: (m) => m.persistent(m.pop()),
};

const BYTES: Readonly<Record<number, Instruction>> = {
  128: (m) => {
    const protocol = m.uint8();
    if (protocol > 5) throw new Error(`protocol ${protocol} is unknown`);
  },
  129: (m) => {
    const [callee, args] = inOrder(m, 2);
    m.call(callee, args);
  },
  133: (m) => m.push(new PickleTuple(inOrder(m, 1))),
  134: (m) => m.push(new PickleTuple(inOrder(m, 2))),
  135: (m) => m.push(new PickleTuple(inOrder(m, 3))),
  136: (m) => m.push(true),
  137: (m) => m.push(false),
  138: (m) => m.push(longFromBytes(m.take(m.uint8()))),
  139: (m) => m.push(longFromBytes(m.take(m.int32()))),
  140: (m) => m.push(utf8(m.take(m.uint8()))),
  141: (m) => m.push(utf8(m.take(m.uint64()))),
  142: (m) => m.push(m.take(m.uint64()).slice()),
  143: (m) => m.push(new Set()),
  144: (m) => {
    const items = m.popToMark();
    addAll(m.top(), items);
  },
  145: (m) => m.push(new Set(m.popToMark())),
  146: (m) => {
    const [callee, args] = inOrder(m, 3);
    m.call(callee, args);
  },
  147: (m) => {
    const [module, name] = inOrder(m, 2);
    m.push(m.global(textOf(module), textOf(name)));
  },
  148: (m) => m.remember(m.memo.size),
  149: (m) => void m.uint64(),
  150: (m) => m.push(m.take(m.uint64()).slice()),
};

const INSTRUCTIONS: ReadonlyMap<number, Instruction> = new Map([
  ...Object.entries(LETTERS).map(([letter, run]) => [letter.charCodeAt(0), run] as const),
  ...Object.entries(BYTES).map(([byte, run]) => [Number(byte), run] as const),
]);
