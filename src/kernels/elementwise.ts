import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import source from './elementwise.wgsl?raw';
import { bindingCapacity, bindRange, type KernelLimits, pieces } from './ranges';
import { enableStorage, featureDtypeOf } from './storage';

const WORKGROUP_SIZE = 64;

/** `y = a + b`; all of one size, `y` in another buffer. */
export function addForward(a: GpuArray, b: GpuArray, y: GpuArray, limits: KernelLimits): Dispatch[] {
  return elementwise({ entryPoint: 'add', a, b, y, limits });
}

/** `y = a` where positive, `negativeSlope · a` elsewhere; `y` in another buffer. */
export function leakyReluForward(
  a: GpuArray,
  y: GpuArray,
  negativeSlope: number,
  limits: KernelLimits,
): Dispatch[] {
  return elementwise({ entryPoint: 'leakyRelu', a, y, limits, constants: { negativeSlope } });
}

/** `y += a`; of one size, in two buffers. */
export function accumulateInto(a: GpuArray, y: GpuArray, limits: KernelLimits): Dispatch[] {
  return elementwise({ entryPoint: 'accumulate', a, y, limits });
}

/** In place: the gradient `y` through a LeakyReLU whose output (or input) is `a`; in two buffers. */
export function leakyReluGradientInPlace(
  a: GpuArray,
  y: GpuArray,
  negativeSlope: number,
  limits: KernelLimits,
): Dispatch[] {
  return elementwise({ entryPoint: 'leakyReluGradient', a, y, limits, constants: { negativeSlope } });
}

/** `y[yStart + i] = a[aStart + i]` for `count` elements; `y` in another buffer. */
export function copyForward(
  a: GpuArray,
  aStart: number,
  y: GpuArray,
  yStart: number,
  count: number,
  limits: KernelLimits,
): Dispatch[] {
  return elementwise({ entryPoint: 'copy', a, aStart, y, yStart, count, limits });
}

interface Elementwise {
  readonly entryPoint: 'add' | 'leakyRelu' | 'copy' | 'accumulate' | 'leakyReluGradient';
  readonly a: GpuArray;
  readonly aStart?: number;
  readonly b?: GpuArray;
  readonly y: GpuArray;
  readonly yStart?: number;
  /** All of `y` if left out. */
  readonly count?: number;
  readonly limits: KernelLimits;
  readonly constants?: Readonly<Record<string, number>>;
}

/** The module for arrays stored as these are. */
function moduleSource(a: GpuArray, b: GpuArray | undefined, y: GpuArray): string {
  const [storedA, storedB, storedY] = [a, b ?? a, y].map(featureDtypeOf);
  return `${enableStorage(storedA, storedB, storedY)}
alias StoredA = ${storedA};
alias StoredB = ${storedB};
alias StoredY = ${storedY};
${source}`;
}

function elementwise(args: Elementwise): Dispatch[] {
  const { entryPoint, a, b, y, limits, aStart = 0, yStart = 0, count = y.size } = args;
  return pieces(count, bindingCapacity(limits)).map((piece) => {
    const boundA = bindRange(a, aStart + piece.start, piece.count);
    const boundB = b && bindRange(b, piece.start, piece.count);
    const boundY = bindRange(y, yStart + piece.start, piece.count);
    return {
      label: entryPoint,
      source: moduleSource(a, b, y),
      entryPoint,
      constants: {
        workgroupSize: WORKGROUP_SIZE,
        count: piece.count,
        aBase: boundA.base,
        ...(boundB ? { bBase: boundB.base } : {}),
        yBase: boundY.base,
        ...args.constants,
      },
      bindings: [boundA.array, boundB?.array, boundY.array],
      workgroups: [...foldGrid({ limits }, Math.ceil(piece.count / WORKGROUP_SIZE)), 1],
    };
  });
}
