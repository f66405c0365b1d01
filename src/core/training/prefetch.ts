/** Batches in the order of their keys, some made ahead of the one in use. */
export class Prefetcher<Key, Value> {
  private readonly make: (key: Key) => Promise<Value>;
  private readonly keys: Iterator<Key>;
  private readonly ahead: Promise<Value>[] = [];

  constructor(keys: Iterable<Key>, make: (key: Key) => Promise<Value>, count: number) {
    this.keys = keys[Symbol.iterator]();
    this.make = make;
    for (let i = 0; i < count; i++) this.begin();
  }

  /** The next value, or `undefined` behind the last key. Rejects with what making it threw. */
  async next(): Promise<Value | undefined> {
    this.begin();
    return this.ahead.shift();
  }

  private begin(): void {
    const { done, value } = this.keys.next();
    if (done) return;
    const made = this.make(value);
    made.catch(() => undefined); // told when its turn comes
    this.ahead.push(made);
  }
}
