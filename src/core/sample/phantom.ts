// A made-up head, as an MR scanner might show it: skin, bone, grey and white matter, and three structures to find.
// Everything comes from the seed.

import type { NiftiGeometry } from '@/core/io/medicalImage';
import { newGeometry } from '@/core/io/niftiWriter';
import type { Spacing, Zyx } from '@/shared/geometry';
import { elementCount } from '@/shared/geometry';
import { type Random, seededRandom } from '@/shared/random';

export const PHANTOM_SHAPE: Zyx = [64, 80, 72];
/** mm. */
export const PHANTOM_SPACING: Spacing = [2, 1.5, 1.5];
/** Of the label map, background included. */
export const PHANTOM_LABELS = { background: 0, ventricle: 1, nucleus: 2, lesion: 3 } as const;

export interface Phantom {
  /** `[z, y, x]`, whole numbers as scanners write them. */
  readonly image: Uint16Array;
  /** `[z, y, x]`. */
  readonly labels: Uint8Array;
}

/** The phantom's place: its centre at the scanner's. */
export function phantomGeometry(): NiftiGeometry {
  const centre = (axis: number) => (-(PHANTOM_SHAPE[axis] - 1) / 2) * PHANTOM_SPACING[axis];
  const [dz, dy, dx] = PHANTOM_SPACING;
  return newGeometry(PHANTOM_SHAPE, PHANTOM_SPACING, [
    [dx, 0, 0, centre(2)],
    [0, dy, 0, centre(1)],
    [0, 0, dz, centre(0)],
  ]);
}

/** mm from the head's centre: z up, y to the front, x to the right. */
type Point = readonly [z: number, y: number, x: number];

/** Signed distance to a surface, about, in mm; negative inside. `i` is the point's voxel. */
type Distance = (point: Point, i: number) => number;

/** A value per voxel. */
type Field = (i: number) => number;

/** A tissue that covers what came before it in the list. */
interface Layer {
  readonly intensity: number;
  readonly distance: Distance;
  readonly label: number;
}

const AIR = 15;
const [FAT, BONE, FLUID, GREY, WHITE, NUCLEUS, LESION] = [760, 110, 230, 480, 680, 350, 1100];
const NOISE = 16;
/** How much the coil shades the image by default, as the spread of the logarithm. */
const BIAS_FIELD = 0.06;

/** One phantom; another seed is another person. */
export function makePhantom(seed: number, biasFieldStrength = BIAS_FIELD): Phantom {
  const random = seededRandom(seed);
  const layers = anatomy(random);
  const biasField = smoothField(random, 150, 4);
  const texture = smoothField(random, 25, 8);
  const image = new Uint16Array(elementCount(PHANTOM_SHAPE));
  const labels = new Uint8Array(image.length);
  const thickness = PHANTOM_SPACING[1];
  forEachPoint((point, i) => {
    let intensity = AIR;
    for (const { intensity: own, distance, label } of layers) {
      const share = Math.min(1, Math.max(0, 0.5 - distance(point, i) / thickness));
      intensity += share * (own - intensity);
      if (share > 0.5) labels[i] = label;
    }
    const clean = intensity * (1 + 0.03 * texture(i)) * Math.exp(biasFieldStrength * biasField(i));
    // Magnitude images have Rician noise.
    image[i] = Math.round(Math.hypot(clean + NOISE * random.normal(), NOISE * random.normal()));
  });
  return { image, labels };
}

/** mm from the centre along an axis. */
function position(index: number, axis: number): number {
  return (index - (PHANTOM_SHAPE[axis] - 1) / 2) * PHANTOM_SPACING[axis];
}

function forEachPoint(visit: (point: Point, index: number) => void): void {
  const [depth, height, width] = PHANTOM_SHAPE;
  let i = 0;
  for (let z = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) visit([position(z, 0), position(y, 1), position(x, 2)], i++);
    }
  }
}

function anatomy(random: Random): Layer[] {
  const between = (low: number, high: number) => low + (high - low) * random.uniform();
  const bumps = smoothField(random, 60, 6);
  const folds = smoothField(random, 14, 24);
  const outline = ellipsoid(
    [between(-2, 2), between(-2, 2), between(-2, 2)],
    [between(53, 57), between(51, 55), between(44, 48)],
  );
  const head: Distance = (point, i) => outline(point, i) + 1.5 * bumps(i);
  const covering =
    (depth: number, folding: number): Distance =>
    (point, i) =>
      head(point, i) + depth + folding * folds(i);
  const { background, ventricle, nucleus, lesion } = PHANTOM_LABELS;
  const white = covering(17, 3);
  return [
    { intensity: FAT, distance: head, label: background },
    { intensity: BONE, distance: covering(5, 0), label: background },
    { intensity: FLUID, distance: covering(9, 0), label: background },
    { intensity: GREY, distance: covering(11, 1), label: background },
    { intensity: WHITE, distance: white, label: background },
    ...Array.from({ length: 2 + Math.floor(3 * random.uniform()) }, (): Layer => {
      const spot = lesionBlob(random, between);
      return {
        intensity: LESION,
        distance: (point, i) => Math.max(spot(point, i), white(point, i)),
        label: lesion,
      };
    }),
    ...[-1, 1].flatMap((side): Layer[] => [
      {
        intensity: NUCLEUS,
        distance: ellipsoid(
          [between(-6, 0), between(-2, 6), side * between(19, 22)],
          [between(8, 11), between(11, 14), between(5, 7)],
        ),
        label: nucleus,
      },
      {
        intensity: FLUID,
        distance: ellipsoid(
          [between(4, 8), between(-4, 4), side * between(8, 10)],
          [between(8, 11), between(17, 23), between(4, 6)],
        ),
        label: ventricle,
      },
    ]),
  ];
}

/** Somewhere in the white matter, away from the midline. */
function lesionBlob(random: Random, between: (low: number, high: number) => number): Distance {
  const angle = between(0, 2 * Math.PI);
  const centre: Point = [between(8, 24), 26 * Math.sin(angle), 22 * Math.cos(angle)];
  const bumps = smoothField(random, 12, 6);
  const blob = ellipsoid(centre, [between(5, 9), between(5, 9), between(5, 9)]);
  return (point, i) => blob(point, i) + 0.7 * bumps(i);
}

function ellipsoid(centre: Point, semiAxes: Point): Distance {
  const smallest = Math.min(...semiAxes);
  return ([z, y, x]) => {
    const [u, v, w] = [
      (z - centre[0]) / semiAxes[0],
      (y - centre[1]) / semiAxes[1],
      (x - centre[2]) / semiAxes[2],
    ];
    return (Math.sqrt(u * u + v * v + w * w) - 1) * smallest;
  };
}

/** On every voxel: a sum of waves no shorter than `wavelength` mm, of unit variance. */
function smoothField(random: Random, wavelength: number, waveCount: number): Field {
  const field = new Float32Array(elementCount(PHANTOM_SHAPE));
  const amplitude = Math.sqrt(2 / waveCount);
  for (let wave = 0; wave < waveCount; wave++) {
    const direction = [random.normal(), random.normal(), random.normal()];
    const frequency = ((2 * Math.PI) / wavelength) * (0.5 + 0.5 * random.uniform());
    const [kz, ky, kx] = direction.map((part) => (part * frequency) / Math.hypot(...direction));
    addWave(field, amplitude, [kz, ky, kx], 2 * Math.PI * random.uniform());
  }
  return (i) => field[i];
}

/** Adds `amplitude · cos(k · point + phase)`; the sum of angles is taken apart so that a row needs few cosines. */
function addWave(field: Float32Array, amplitude: number, k: Point, phase: number): void {
  const [depth, height, width] = PHANTOM_SHAPE;
  const alongX = Array.from({ length: width }, (_, x) => k[2] * position(x, 2));
  const [cosX, sinX] = [alongX.map(Math.cos), alongX.map(Math.sin)];
  let i = 0;
  for (let z = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      const angle = k[0] * position(z, 0) + k[1] * position(y, 1) + phase;
      const [cos, sin] = [amplitude * Math.cos(angle), amplitude * Math.sin(angle)];
      for (let x = 0; x < width; x++) field[i++] += cos * cosX[x] - sin * sinX[x];
    }
  }
}
