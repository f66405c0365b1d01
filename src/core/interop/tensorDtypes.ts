// Number formats of stored tensors, read as float32.
import { fromFloat16Bits } from '@/shared/numeric';

export interface TensorDtype {
  readonly sizeInBytes: number;
  readonly read: (view: DataView, byteOffset: number, isLittleEndian: boolean) => number;
}

const scratch = new DataView(new ArrayBuffer(4));

/** By the names of safetensors. */
export const TENSOR_DTYPES: Readonly<Record<string, TensorDtype>> = {
  F64: { sizeInBytes: 8, read: (view, offset, little) => view.getFloat64(offset, little) },
  F32: { sizeInBytes: 4, read: (view, offset, little) => view.getFloat32(offset, little) },
  F16: { sizeInBytes: 2, read: (view, offset, little) => fromFloat16Bits(view.getUint16(offset, little)) },
  BF16: { sizeInBytes: 2, read: readBfloat16 },
  I64: { sizeInBytes: 8, read: (view, offset, little) => Number(view.getBigInt64(offset, little)) },
  I32: { sizeInBytes: 4, read: (view, offset, little) => view.getInt32(offset, little) },
  I16: { sizeInBytes: 2, read: (view, offset, little) => view.getInt16(offset, little) },
  I8: { sizeInBytes: 1, read: (view, offset) => view.getInt8(offset) },
  U8: { sizeInBytes: 1, read: (view, offset) => view.getUint8(offset) },
  BOOL: { sizeInBytes: 1, read: (view, offset) => (view.getUint8(offset) ? 1 : 0) },
};

/** bfloat16 is the upper half of a float32. */
function readBfloat16(view: DataView, offset: number, isLittleEndian: boolean): number {
  scratch.setUint16(0, view.getUint16(offset, isLittleEndian));
  return scratch.getFloat32(0);
}

/** All of `bytes`, which hold little-endian elements of `type` one behind the other. */
export function toFloat32(bytes: Uint8Array, type: TensorDtype): Float32Array {
  if (type === TENSOR_DTYPES.F32) return new Float32Array(new Uint8Array(bytes).buffer);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length / type.sizeInBytes }, (_, i) =>
    type.read(view, i * type.sizeInBytes, true),
  );
}
