/** What is kept counts its bytes. */
interface Sized {
  readonly sizeInBytes: number;
}

/** Values by key, loaded when they are first asked for and kept while they fit; the longest unused leaves first. */
export class CaseCache<Value extends Sized> {
  private readonly load: (key: string) => Promise<Value>;
  private readonly budgetBytes: number;
  /** In order of their last use. */
  private readonly kept = new Map<string, Value>();
  private readonly loading = new Map<string, Promise<Value>>();
  private keptBytes = 0;

  constructor(load: (key: string) => Promise<Value>, budgetBytes: number) {
    this.load = load;
    this.budgetBytes = budgetBytes;
  }

  /** The value; those who ask while it is being loaded share it. */
  async get(key: string): Promise<Value> {
    const kept = this.kept.get(key);
    if (kept) {
      this.kept.delete(key);
      this.kept.set(key, kept);
      return kept;
    }
    const loading = this.loading.get(key) ?? this.begin(key);
    return loading;
  }

  private begin(key: string): Promise<Value> {
    const loading = this.load(key).then((value) => {
      this.keep(key, value);
      return value;
    });
    this.loading.set(key, loading);
    const end = () => this.loading.delete(key);
    loading.then(end, end);
    return loading;
  }

  private keep(key: string, value: Value): void {
    if (value.sizeInBytes > this.budgetBytes) return;
    this.kept.set(key, value);
    this.keptBytes += value.sizeInBytes;
    for (const [oldest, { sizeInBytes }] of this.kept) {
      if (this.keptBytes <= this.budgetBytes) return;
      this.kept.delete(oldest);
      this.keptBytes -= sizeInBytes;
    }
  }
}
