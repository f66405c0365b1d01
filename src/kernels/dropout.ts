import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import { type DropoutMask, dropoutScale, dropoutThreshold } from './dropout.reference';
import source from './dropout.wgsl?raw';
import controlStruct from './optimisers/control.wgsl?raw';
import { bindingCapacity, bindRange, type KernelLimits, pieces } from './ranges';
import { enableStorage, featureDtypeOf, storedType } from './storage';

const WORKGROUP_SIZE = 64;

const PRELUDES = {
  1: 'alias lanes = f32;\nfn keptAt(i: u32) -> bool { return isKept(i); }\n',
  4: `alias lanes = vec4f;
fn keptAt(i: u32) -> vec4<bool> {
  let element = 4 * i;
  return vec4<bool>(isKept(element), isKept(element + 1), isKept(element + 2), isKept(element + 3));
}
`,
} as const;

export interface DropoutArgs extends DropoutMask {
  /** `[n, c, z, y, x]`, f32 or f16, overwritten. */
  readonly values: GpuArray;
  /** Elements before them in the array that the mask is of; 0 if left out. */
  readonly start?: number;
  /** Voxels per channel. */
  readonly planeLength: number;
  /** The optimiser's control array, which counts the steps and says when nothing is dropped; in another buffer. */
  readonly control: GpuArray;
  readonly limits: KernelLimits;
}

/** In place: what the mask of this step drops becomes 0, the rest is scaled. The same step gives the same mask. */
export function dropoutInPlace(args: DropoutArgs): Dispatch[] {
  const { values, planeLength, control, limits, probability, layer, seed } = args;
  const width = values.size % 4 === 0 ? 4 : 1;
  const storage = featureDtypeOf(values);
  const [scale] = new Uint32Array(Float32Array.of(dropoutScale(probability)).buffer);
  return pieces(values.size, bindingCapacity(limits)).map(({ start, count }) => {
    const bound = bindRange(values, start, count);
    return {
      label: 'dropout',
      source: `${enableStorage(storage)}alias stored = ${storedType(storage, width)};\n${PRELUDES[width]}${controlStruct}${source}`,
      entryPoint: 'drop',
      constants: { workgroupSize: WORKGROUP_SIZE },
      bindings: [bound.array, control],
      uniform: Uint32Array.of(
        count / width,
        bound.base / width,
        (args.start ?? 0) + start,
        args.of === 'channels' ? planeLength : 1,
        dropoutThreshold(probability),
        scale,
        layer,
        seed,
      ),
      workgroups: [...foldGrid({ limits }, Math.ceil(count / width / WORKGROUP_SIZE)), 1],
    };
  });
}
