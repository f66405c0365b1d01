import type { Zyx } from '@/shared/geometry';
import { featureMapOf, type Value } from '../value';

/** Mean over blocks of `stride` voxels (kernel = stride, no padding). `[n, c, z, y, x]` → `[n, c, ⌊z/stride⌋, …]`. */
export function avgPool(x: Value, stride: Zyx): Value<'avgPool'> {
  const { batch, channels, size } = featureMapOf(x, 'avgPool');
  const out = size.map((n, axis) => Math.floor(n / stride[axis]));
  if (out.some((n) => n < 1)) {
    throw new Error(`avgPool: stride [${stride.join(', ')}] is larger than the map [${size.join(', ')}]`);
  }
  return { op: 'avgPool', attributes: { stride }, inputs: [x], shape: [batch, channels, ...out] };
}
