import { arrayOf, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import type { GpuArray } from '@/gpu/dispatch';
import { toFloat16Bits } from '@/shared/numeric';

/** Uploads floats as they are or as halves. */
export async function uploadAs(gpu: Gpu, dtype: 'f32' | 'f16', data: Float32Array): Promise<GpuArray> {
  if (dtype === 'f32') return upload(gpu, data, 'floats');
  const halves = new Uint16Array(Math.ceil(data.length / 2) * 2);
  halves.set(Array.from(data, toFloat16Bits));
  const { buffer } = await upload(gpu, new Uint32Array(halves.buffer), 'halves');
  return arrayOf(buffer, data.length, 'f16');
}
