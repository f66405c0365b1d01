import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import type { Zyx } from '@/shared/geometry';
import { uniformWords } from './grid';
import source from './rectangles.wgsl?raw';

/** How many one dispatch flattens. */
const MAX_RECTANGLES = 4;
/** Words of {@link rectanglesUniform}. */
export const RECTANGLES_WORDS = 4 + 8 * MAX_RECTANGLES;

/** At most {@link MAX_RECTANGLES}; corner and size in voxels of the plane. */
export function rectanglesUniform(
  shape: Zyx,
  rectangles: readonly { readonly start: Zyx; readonly size: Zyx }[],
): Uint32Array {
  if (rectangles.length > MAX_RECTANGLES) throw new Error(`rectangles: ${rectangles.length}`);
  return uniformWords(RECTANGLES_WORDS, [
    { at: 0, words: [...shape, rectangles.length] },
    ...rectangles.flatMap(({ start, size }, i) => [
      { at: 4 + 8 * i, words: start },
      { at: 8 + 8 * i, words: size },
    ]),
  ]);
}

/** In place: `plane` `[z, y, x]`, f32. */
export function flattenRectangles(args: {
  readonly plane: GpuArray;
  /** Holds {@link rectanglesUniform}. */
  readonly uniform: GPUBuffer;
}): Dispatch {
  const { plane, uniform } = args;
  return {
    label: 'rectangles.flatten',
    source,
    entryPoint: 'flatten',
    bindings: [plane],
    uniform,
    workgroups: [1, 1, 1],
  };
}
