// How far patches turn, and how much larger they are cut for that. Sizes are `[z, y, x]`, or `[y, x]` in 2D.

/** Past this ratio of the largest axis to the first, slices are too thick to be turned out of their plane. */
const ANISOTROPY_THRESHOLD = 3;
/** Past this ratio of its sides a 2D patch turns only a little. */
const ELONGATION_THRESHOLD = 1.5;

/** How patches of a size are turned. */
export interface RotationRule {
  /** Largest angle either way, radians. */
  readonly maxAngle: number;
  /** A 3D patch whose slices are turned and scaled in their plane only. */
  readonly isDummy2d: boolean;
}

/**
 * Follows nnU-Net's `configure_rotation_dummyDA_mirroring_and_inital_patch_size`; `canBeDummy2d` false is
 * `nnUNetTrainer_noDummy2DDA`.
 */
export function rotationRule(patchSize: readonly number[], canBeDummy2d = true): RotationRule {
  const largest = Math.max(...patchSize);
  if (patchSize.length === 2) {
    const isElongated = largest / Math.min(...patchSize) > ELONGATION_THRESHOLD;
    return { maxAngle: degrees(isElongated ? 15 : 180), isDummy2d: false };
  }
  const isDummy2d = canBeDummy2d && largest / patchSize[0] > ANISOTROPY_THRESHOLD;
  return { maxAngle: degrees(isDummy2d ? 180 : 30), isDummy2d };
}

/** As `angle / 360 * 2 * pi` in nnU-Net, to the last bit. */
function degrees(angle: number): number {
  return (angle / 360) * 2 * Math.PI;
}

/** `patch · R` for a rotation by one angle: of each pair the first axis grows by the second, and that shrinks by the first. */
const TURNED_PAIRS = {
  2: [[0, 1]],
  3: [
    [1, 2],
    [2, 0],
    [0, 1],
  ],
} as const;

/**
 * The size of the patch that is cut from a case so that turned by up to `maxAngle` and shrunk by `smallestScale` it
 * still fills most of `patchSize`.
 *
 * Follows nnU-Net's `get_patch_size`; its scale is 0.85, that of `nnUNetTrainerDA5` 0.7.
 */
export function initialPatchSize(
  patchSize: readonly number[],
  { maxAngle, isDummy2d }: RotationRule,
  smallestScale = 0.85,
): number[] {
  const angle = Math.min(maxAngle, Math.PI / 2);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const grown = [...patchSize];
  for (const [first, second] of TURNED_PAIRS[patchSize.length === 2 ? 2 : 3]) {
    const [a, b] = [patchSize[first], patchSize[second]];
    grown[first] = Math.max(grown[first], Math.abs(a * cos + b * sin));
    grown[second] = Math.max(grown[second], Math.abs(b * cos - a * sin));
  }
  const enlarged = grown.map((size) => Math.trunc(size / smallestScale));
  return isDummy2d ? [patchSize[0], ...enlarged.slice(1)] : enlarged;
}
