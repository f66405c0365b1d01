import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import { elementCount, type Zyx } from '@/shared/geometry';
import source from './avgPool.wgsl?raw';
import { bindRange, type KernelLimits, planePieces } from './ranges';
import { enableStorage, featureDtypeOf } from './storage';

const WORKGROUP_SIZE = 64;

export interface AvgPoolArgs {
  /** Batch × channels. */
  readonly planes: number;
  readonly inputSize: Zyx;
  readonly stride: Zyx;
  readonly limits: KernelLimits;
  /** `[planes, z, y, x]`. */
  readonly x: GpuArray;
  /** `[planes, ⌊z/stride⌋, …]`, another buffer. */
  readonly y: GpuArray;
}

/** The module for arrays stored as these are. */
function moduleSource(x: GpuArray, y: GpuArray): string {
  const [storedX, storedY] = [x, y].map(featureDtypeOf);
  return `${enableStorage(storedX, storedY)}
alias StoredX = ${storedX};
alias StoredY = ${storedY};
${source}`;
}

/** Gradient with respect to `x`, in `x`, from the gradient with respect to the output, in `y`. */
export function avgPoolGradient({ planes, inputSize, stride, limits, x, y }: AvgPoolArgs): Dispatch[] {
  const inputLength = elementCount(inputSize);
  const outputLength = elementCount(inputSize.map((n, axis) => Math.floor(n / stride[axis])));
  return planePieces(planes, inputLength, limits).map(({ start, count }) => {
    const boundX = bindRange(x, start * inputLength, count * inputLength);
    const boundY = bindRange(y, start * outputLength, count * outputLength);
    return {
      label: 'avgPoolGradient',
      source: moduleSource(x, y),
      entryPoint: 'backward',
      constants: { workgroupSize: WORKGROUP_SIZE },
      uniform: Uint32Array.of(...inputSize, ...stride, count, boundX.base, boundY.base),
      bindings: [undefined, undefined, undefined, boundY.array, boundX.array],
      workgroups: [...foldGrid({ limits }, Math.ceil((count * inputLength) / WORKGROUP_SIZE)), 1],
    };
  });
}

/** `y` = mean of `x` over blocks of `stride` voxels. */
export function avgPoolForward({ planes, inputSize, stride, limits, x, y }: AvgPoolArgs): Dispatch[] {
  const inputLength = elementCount(inputSize);
  const outputLength = elementCount(inputSize.map((n, axis) => Math.floor(n / stride[axis])));
  return planePieces(planes, inputLength, limits).map(({ start, count }) => {
    const boundX = bindRange(x, start * inputLength, count * inputLength);
    const boundY = bindRange(y, start * outputLength, count * outputLength);
    return {
      label: 'avgPool',
      source: moduleSource(x, y),
      entryPoint: 'forward',
      constants: { workgroupSize: WORKGROUP_SIZE },
      uniform: Uint32Array.of(...inputSize, ...stride, count, boundX.base, boundY.base),
      bindings: [boundX.array, boundY.array],
      workgroups: [...foldGrid({ limits }, Math.ceil((count * outputLength) / WORKGROUP_SIZE)), 1],
    };
  });
}
