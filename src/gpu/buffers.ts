import { StudioError } from '@/shared/errors';
import { formatBytes, fromFloat16Bits } from '@/shared/numeric';
import { type Gpu, type GpuMemory, whileDeviceLives } from './device';
import { BYTES_PER_ELEMENT, type GpuArray } from './dispatch';

const STORAGE = 0x80 | 0x40 | 0x08 | 0x04; // GPUBufferUsage.STORAGE | UNIFORM | COPY_DST | COPY_SRC, spelled out: Node has no such global before a device
const MAP_READ = 0x01 | 0x08;
const UNIFORM = 0x40 | 0x08;
const READBACK_CHUNK_BYTES = 64 * 2 ** 20;

/**
 * Allocates a storage buffer inside an out-of-memory scope.
 * Throws `GpuOutOfMemory` naming `label` and size; nothing stays allocated then.
 */
export async function allocate(gpu: Gpu, sizeInBytes: number, label: string): Promise<GPUBuffer> {
  const size = Math.max(16, Math.ceil(sizeInBytes / 4) * 4);
  if (size > gpu.limits.maxBufferSize) {
    throw new StudioError(
      'GpuOutOfMemory',
      `${label} needs one buffer of ${formatBytes(size)}, but this adapter allows ${formatBytes(gpu.limits.maxBufferSize)}.`,
      'Choose a smaller patch, store feature maps as f16 (half the size), or use a GPU that allows larger buffers.',
    );
  }
  gpu.device.pushErrorScope('out-of-memory');
  const buffer = gpu.device.createBuffer({ label, size, usage: STORAGE });
  const error = await gpu.device.popErrorScope();
  if (error) {
    buffer.destroy();
    throw new StudioError(
      'GpuOutOfMemory',
      `The GPU has no room for ${label} (${formatBytes(size)}).`,
      'Close other tabs that use the GPU, or choose a smaller patch.',
    );
  }
  return counted(gpu.memory, buffer);
}

/** Adds the buffer to the account until it is destroyed. */
function counted(memory: GpuMemory, buffer: GPUBuffer): GPUBuffer {
  memory.currentBytes += buffer.size;
  memory.peakBytes = Math.max(memory.peakBytes, memory.currentBytes);
  const destroy = buffer.destroy.bind(buffer);
  let isAlive = true;
  buffer.destroy = () => {
    if (isAlive) memory.currentBytes -= buffer.size;
    isAlive = false;
    return destroy();
  };
  return buffer;
}

/** A whole buffer as an array of `size` elements. */
export function arrayOf(
  buffer: GPUBuffer,
  size: number,
  dtype: GpuArray['dtype'] = 'f32',
  offset = 0,
): GpuArray {
  return { buffer, offset, size, dtype };
}

/** Allocates and fills. */
export async function upload(gpu: Gpu, data: Float32Array | Uint32Array, label: string): Promise<GpuArray> {
  const buffer = await allocate(gpu, data.byteLength, label);
  gpu.device.queue.writeBuffer(buffer, 0, data as GPUAllowSharedBufferSource);
  return arrayOf(buffer, data.length, data instanceof Uint32Array ? 'u32' : 'f32');
}

/** A uniform buffer with these bytes. */
export function uniformBuffer(
  gpu: Gpu,
  data: Uint32Array | Int32Array | Float32Array | ArrayBuffer,
  label: string,
): GPUBuffer {
  const buffer = gpu.device.createBuffer({
    label,
    size: Math.ceil(data.byteLength / 16) * 16,
    usage: UNIFORM,
  });
  gpu.device.queue.writeBuffer(buffer, 0, data as GPUAllowSharedBufferSource);
  return buffer;
}

/** Copies an array to the host, in chunks of at most 64 MiB so that no single mapping grows with the volume. */
export async function readback(gpu: Gpu, array: GpuArray): Promise<ArrayBuffer> {
  const total = array.size * BYTES_PER_ELEMENT[array.dtype];
  const padded = Math.ceil(total / 4) * 4;
  const result = new Uint8Array(padded);
  const staging = gpu.device.createBuffer({
    label: 'readback',
    size: Math.min(padded, READBACK_CHUNK_BYTES),
    usage: MAP_READ,
  });
  try {
    for (let start = 0; start < padded; start += READBACK_CHUNK_BYTES) {
      const size = Math.min(READBACK_CHUNK_BYTES, padded - start);
      const encoder = gpu.device.createCommandEncoder();
      encoder.copyBufferToBuffer(array.buffer, array.offset + start, staging, 0, size);
      gpu.device.queue.submit([encoder.finish()]);
      await whileDeviceLives(gpu, staging.mapAsync(1, 0, size)); // GPUMapMode.READ
      result.set(new Uint8Array(staging.getMappedRange(0, size)), start);
      staging.unmap();
    }
  } finally {
    staging.destroy();
  }
  return padded === total ? result.buffer : result.buffer.slice(0, total);
}

/** Reads an array of f32 or f16 back. */
export async function readFloats(gpu: Gpu, array: GpuArray): Promise<Float32Array> {
  const bytes = await readback(gpu, array);
  return array.dtype === 'f16'
    ? Float32Array.from(new Uint16Array(bytes), fromFloat16Bits)
    : new Float32Array(bytes);
}
