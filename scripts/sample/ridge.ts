// Least squares with a penalty on the weights, in closed form and f64.

/** Samples that are summed at once: the sums are large, so they should pass through the cache rarely. */
const BLOCK = 32;

/** Sums over samples from which the weights follow; samples come one at a time and are not kept. */
export class RidgeSums {
  private readonly features: number;
  private readonly targets: number;
  /** Upper triangle of `Xᵀ X`, `[features, features]`. */
  private readonly covariance: Float64Array;
  /** `Xᵀ Y`, `[features, targets]`. */
  private readonly correlation: Float64Array;
  /** Samples not summed yet, `[features, BLOCK]`; unused places are zero. */
  private readonly block: Float64Array;
  private pending = 0;

  constructor(features: number, targets: number) {
    this.features = features;
    this.targets = targets;
    this.covariance = new Float64Array(features * features);
    this.correlation = new Float64Array(features * targets);
    this.block = new Float64Array(features * BLOCK);
  }

  add(row: Float64Array, target: Float64Array): void {
    const { features, targets, correlation, block, pending } = this;
    for (let i = 0; i < features; i++) {
      block[i * BLOCK + pending] = row[i];
      for (let t = 0; t < targets; t++) correlation[i * targets + t] += row[i] * target[t];
    }
    this.pending++;
    if (this.pending === BLOCK) this.sumBlock();
  }

  /** Weights `[features, targets]`; the penalty is a share of the features' mean energy. */
  solve(penalty: number): Float64Array {
    this.sumBlock();
    const { features: n } = this;
    const matrix = this.covariance.slice();
    let energy = 0;
    for (let i = 0; i < n; i++) energy += matrix[i * n + i] / n;
    for (let i = 0; i < n; i++) matrix[i * n + i] += penalty * energy;
    return solveByCholesky(matrix, this.correlation.slice(), n, this.targets);
  }

  private sumBlock(): void {
    const { features, covariance, block } = this;
    for (let i = 0; i < features; i++) {
      for (let j = i; j < features; j++) {
        let sum = 0;
        for (let r = 0, a = i * BLOCK, b = j * BLOCK; r < BLOCK; r++) sum += block[a++] * block[b++];
        covariance[i * features + j] += sum;
      }
    }
    block.fill(0);
    this.pending = 0;
  }
}

/** Solves `A X = B` for a positive definite `A` of which the upper triangle is given; both are overwritten. */
export function solveByCholesky(a: Float64Array, b: Float64Array, n: number, columns: number): Float64Array {
  for (let k = 0; k < n; k++) {
    const pivot = Math.sqrt(a[k * n + k]);
    for (let j = k; j < n; j++) a[k * n + j] /= pivot;
    for (let i = k + 1; i < n; i++) {
      const factor = a[k * n + i];
      for (let j = i; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
    }
  }
  for (let c = 0; c < columns; c++) {
    for (let i = 0; i < n; i++) {
      let sum = b[i * columns + c];
      for (let k = 0; k < i; k++) sum -= a[k * n + i] * b[k * columns + c];
      b[i * columns + c] = sum / a[i * n + i];
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = b[i * columns + c];
      for (let k = i + 1; k < n; k++) sum -= a[i * n + k] * b[k * columns + c];
      b[i * columns + c] = sum / a[i * n + i];
    }
  }
  return b;
}
