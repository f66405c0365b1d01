import type { Zyx } from '@/shared/geometry';

/** Transposed convolution without overlap, as PyTorch's `ConvTranspose3d` with kernel = stride. */
export interface ConvTranspose3dShape {
  readonly batch: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly inputSize: Zyx;
  /** Kernel = stride. */
  readonly stride: Zyx;
}
