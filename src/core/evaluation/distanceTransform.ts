// Exact Euclidean distances on a grid whose axes have different spacings, one axis after the other: along the first by
// two sweeps, along the others as the lower envelope of one parabola a voxel (Felzenszwalb and Huttenlocher, "Distance
// Transforms of Sampled Functions", 2012).
import { elementCount, type Spacing, type Zyx } from '@/shared/geometry';

/**
 * Squared distance, mm², of every voxel's centre to the centre of the nearest seed: `[z, y, x]`, f32. `seeds` has the
 * same shape and is not 0 where there is one; without any, all distances are infinite.
 */
export function squaredDistances(seeds: ArrayLike<number>, shape: Zyx, spacing: Spacing): Float32Array {
  const distances = new Float32Array(elementCount(shape));
  const [nz, ny, nx] = shape;
  sweepRows(seeds, distances, nx, spacing[2]);
  const line = parabolas(Math.max(ny, nz));
  for (let z = 0; z < nz && ny > 1; z++) {
    for (let x = 0; x < nx; x++) line.lower(distances, z * ny * nx + x, nx, ny, spacing[1]);
  }
  for (let i = 0; i < ny * nx && nz > 1; i++) line.lower(distances, i, ny * nx, nz, spacing[0]);
  return distances;
}

/** Along x alone: forward for the seed before, backward for the one behind. */
function sweepRows(seeds: ArrayLike<number>, distances: Float32Array, nx: number, spacing: number): void {
  for (let row = 0; row < distances.length; row += nx) {
    let steps = Number.POSITIVE_INFINITY;
    for (let i = row; i < row + nx; i++) {
      steps = seeds[i] ? 0 : steps + 1;
      distances[i] = steps;
    }
    steps = Number.POSITIVE_INFINITY;
    for (let i = row + nx - 1; i >= row; i--) {
      steps = seeds[i] ? 0 : steps + 1;
      distances[i] = (Math.min(distances[i], steps) * spacing) ** 2;
    }
  }
}

/** Room for the envelope of one line of at most `longest` voxels. */
function parabolas(longest: number) {
  const heights = new Float64Array(longest);
  /** Positions of the parabolas of the envelope, and where each begins to be the lowest. */
  const vertices = new Int32Array(longest);
  const begins = new Float64Array(longest);
  return {
    /** Replaces the `length` values from `start`, each `step` after the last, by the lowest `value + (spacing·Δ)²`. */
    lower(values: Float32Array, start: number, step: number, length: number, spacing: number): void {
      const square = spacing * spacing;
      let last = -1;
      for (let q = 0; q < length; q++) {
        const height = values[start + q * step];
        heights[q] = height;
        if (height === Number.POSITIVE_INFINITY) continue;
        let from = Number.NEGATIVE_INFINITY;
        while (last >= 0) {
          const v = vertices[last];
          from = (q + v + (height - heights[v]) / (square * (q - v))) / 2;
          if (from > begins[last]) break;
          last--;
        }
        last++;
        vertices[last] = q;
        begins[last] = last === 0 ? Number.NEGATIVE_INFINITY : from;
      }
      if (last < 0) return;
      for (let q = 0, at = 0; q < length; q++) {
        while (at < last && begins[at + 1] < q) at++;
        const v = vertices[at];
        values[start + q * step] = heights[v] + square * (q - v) ** 2;
      }
    },
  };
}
