import type { RecordStore } from '@/storage/recordStore';

/** Records in memory. Refuses, as a browser does, what would take it beyond `quotaBytes` of binary values. */
export class MemoryRecords implements RecordStore {
  readonly values = new Map<string, unknown>();
  private readonly quotaBytes: number;

  constructor(quotaBytes = Number.POSITIVE_INFINITY) {
    this.quotaBytes = quotaBytes;
  }

  async get<Value>(key: string): Promise<Value | undefined> {
    return structuredClone(this.values.get(key)) as Value | undefined;
  }

  async set(key: string, value: unknown): Promise<void> {
    const size = (one: unknown) => (one instanceof Uint8Array ? one.byteLength : 0);
    const used = Array.from(this.values.values(), size).reduce((sum, bytes) => sum + bytes, 0);
    if (used + size(value) > this.quotaBytes) throw new DOMException('full', 'QuotaExceededError');
    this.values.set(key, structuredClone(value));
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.values.delete(key);
  }

  async keys(): Promise<readonly string[]> {
    return [...this.values.keys()];
  }
}
