// What the shaders of all families of weight gradients share: bindings, sizes, and where results go.

import { enableStorage, type FeatureDtype, storedType } from './storage';

/** How the bindings are declared. */
export interface WeightGradientAccess {
  /** `read_write` where the array shares its buffer with the target: one buffer may not be bound both ways. */
  readonly outer: 'read' | 'read_write';
  readonly inner: 'read' | 'read_write';
  readonly outerStorage: FeatureDtype;
  readonly innerStorage: FeatureDtype;
}

/** The numbers of `Sizes`, in order. Sizes are not in the source, so that layers share what is compiled. */
export interface WeightGradientSizes {
  readonly outerDepth: number;
  readonly outerHeight: number;
  readonly outerWidth: number;
  readonly innerDepth: number;
  readonly innerHeight: number;
  readonly innerWidth: number;
  /** Channels of the tensors, and those of the part. */
  readonly outerChannels: number;
  readonly innerChannels: number;
  readonly outerCount: number;
  readonly innerCount: number;
  readonly images: number;
  /** Slices of `outer` that the part covers. */
  readonly firstSlice: number;
  readonly slices: number;
  /** Element of each binding where the part's first channel of its first image would begin; may be negative. */
  readonly outerBase: number;
  readonly innerBase: number;
  readonly splits: number;
  /** Element of the target for the first result, and elements from one outer channel and one split to the next. */
  readonly targetBase: number;
  readonly targetRow: number;
  readonly targetSplit: number;
  /** 1 to add to what the target holds. */
  readonly adds: number;
  /** Taps of the kernel, and the kernel along z, so that 2D and 3D layers may share a shader. */
  readonly taps: number;
  readonly kernelDepth: number;
  readonly strideDepth: number;
  readonly paddingDepth: number;
}

const NAMES: readonly (keyof WeightGradientSizes)[] = [
  'outerDepth',
  'outerHeight',
  'outerWidth',
  'innerDepth',
  'innerHeight',
  'innerWidth',
  'outerChannels',
  'innerChannels',
  'outerCount',
  'innerCount',
  'images',
  'firstSlice',
  'slices',
  'outerBase',
  'innerBase',
  'splits',
  'targetBase',
  'targetRow',
  'targetSplit',
  'adds',
  'taps',
  'kernelDepth',
  'strideDepth',
  'paddingDepth',
];

/** As the shader reads them. */
export function sizesUniform(sizes: WeightGradientSizes): Uint32Array {
  return Uint32Array.from(NAMES, (name) => sizes[name]);
}

/** Declarations: `outer` and `inner` as elements of these types are stored, `target_`, `sizes`, and `put`, which stores a result. */
export function weightGradientPrelude(
  access: WeightGradientAccess,
  elements: { readonly outer: 'f32' | 'vec4f'; readonly inner: 'f32' | 'vec4f' },
): string {
  const type = (storage: FeatureDtype, element: 'f32' | 'vec4f') =>
    storedType(storage, element === 'f32' ? 1 : 4);
  return `${enableStorage(access.outerStorage, access.innerStorage)}
struct Sizes {
${NAMES.map((name) => `  ${name}: i32,`).join('\n')}
}

@group(0) @binding(0) var<storage, ${access.outer}> outer: array<${type(access.outerStorage, elements.outer)}>;
@group(0) @binding(1) var<storage, ${access.inner}> inner: array<${type(access.innerStorage, elements.inner)}>;
@group(0) @binding(2) var<storage, read_write> target_: array<f32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

// Channels count from the part's first.
fn put(split: i32, outerChannel: i32, innerChannel: i32, tap: i32, value: f32) {
  let at = sizes.targetBase + split * sizes.targetSplit + outerChannel * sizes.targetRow
    + innerChannel * sizes.taps + tap;
  var result = value;
  if (sizes.adds != 0) { result += target_[at]; }
  target_[at] = result;
}
`;
}

/** `make(0)` to `make(count - 1)`. */
export function each<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}
