// A picture of a case's labels over its image, as `nnUNetv2_plot_overlay_pngs` draws it: one slice, spacing disregarded.
import type { Zyx } from '@/shared/geometry';

/** Of labels in the order of their numbers within the slice, the background first. nnU-Net's. */
const COLORS: readonly (readonly [number, number, number])[] = [
  [0x00, 0x00, 0x00],
  [0x43, 0x63, 0xd8],
  [0xf5, 0x82, 0x31],
  [0x3c, 0xb4, 0x4b],
  [0xe6, 0x19, 0x4b],
  [0x91, 0x1e, 0xb4],
  [0xff, 0xe1, 0x19],
  [0xbf, 0xef, 0x45],
  [0x42, 0xd4, 0xf4],
  [0xf0, 0x32, 0xe6],
  [0x00, 0x00, 0x75],
  [0x9a, 0x63, 0x24],
  [0x80, 0x80, 0x00],
  [0x80, 0x00, 0x00],
  [0x46, 0x99, 0x90],
];

/** nnU-Net's default share of a label's colour that is added to the image. */
export const DEFAULT_OVERLAY_INTENSITY = 0.6;

/** Row by row, four bytes a pixel: red, green, blue, opaque. */
export interface OverlayPicture {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array<ArrayBuffer>;
}

/**
 * `image` and `seg` are `[z, y, x]` of `shape`; labels below 0 are background. Follows nnU-Net's `plot_overlay`; where a
 * slice has more labels than nnU-Net has colours, it fails there, and colours begin again here.
 */
export function overlayPicture(
  image: Float32Array,
  seg: ArrayLike<number>,
  shape: Zyx,
  intensity = DEFAULT_OVERLAY_INTENSITY,
): OverlayPicture {
  const [, height, width] = shape;
  const area = height * width;
  const start = sliceToPlot(seg, shape) * area;
  const labels = Int32Array.from({ length: area }, (_, i) => Math.max(0, seg[start + i]));
  const present = [...new Set(labels)].sort((a, b) => a - b);
  const colorOf = new Map(present.map((label, order) => [label, colorAt(order)]));
  const gray = scaled(image.subarray(start, start + area));
  const colored = new Float32Array(3 * area);
  for (let i = 0; i < area; i++) {
    const color = colorOf.get(labels[i]) ?? COLORS[0];
    for (let c = 0; c < 3; c++) colored[3 * i + c] = gray[i] + intensity * color[c];
  }
  const largest = colored.reduce((most, value) => Math.max(most, value), 0);
  const rgba = new Uint8Array(4 * area).fill(255);
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) {
      const share = largest > 0 ? Math.fround(colored[3 * i + c] / largest) : 0;
      rgba[4 * i + c] = Math.fround(255 * share);
    }
  }
  return { width, height, rgba };
}

/**
 * The slice that has most of the labels: of each label's voxels the share that lies in the slice, averaged over the labels;
 * the first where nothing is labelled. Follows nnU-Net's `select_slice_to_plot2`.
 */
export function sliceToPlot(seg: ArrayLike<number>, [depth, height, width]: Zyx): number {
  const area = height * width;
  const slicesOf = new Map<number, Float64Array>();
  for (let z = 0, i = 0; z < depth; z++) {
    for (const end = (z + 1) * area; i < end; i++) {
      const label = seg[i];
      if (!(label > 0)) continue;
      const slices = slicesOf.get(label) ?? new Float64Array(depth);
      slicesOf.set(label, slices);
      slices[z]++;
    }
  }
  const shares = new Float64Array(depth);
  for (const [, slices] of [...slicesOf].sort(([a], [b]) => a - b)) {
    const total = slices.reduce((sum, count) => sum + count, 0);
    for (let z = 0; z < depth; z++) shares[z] += slices[z] / total;
  }
  return shares.reduce((best, share, z) => (share > shares[best] ? z : best), 0);
}

function colorAt(order: number): readonly [number, number, number] {
  return order < COLORS.length ? COLORS[order] : COLORS[1 + ((order - 1) % (COLORS.length - 1))];
}

/** From 0 to 255 between the smallest and the largest value, in f32 as nnU-Net computes; 0 where all are equal. */
function scaled(slice: Float32Array): Float32Array {
  const lowest = slice.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const raised = slice.map((value) => value - lowest);
  const largest = raised.reduce((most, value) => Math.max(most, value), 0);
  return largest > 0 ? raised.map((value) => Math.fround(value / largest) * 255) : raised;
}
