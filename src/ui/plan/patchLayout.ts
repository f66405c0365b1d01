// The patch within the median case, to scale: what it covers, and its projections along the image axes.

export interface Projection {
  /** Of the image axes that the drawing shows, down and across. */
  readonly rows: AxisExtent;
  readonly columns: AxisExtent;
}

/** One axis, mm. */
interface AxisExtent {
  /** `z`, `y` or `x`. */
  readonly name: string;
  readonly patchMm: number;
  readonly caseMm: number;
}

/** Share of the median case that one patch covers, 0…1. Voxels at the spacing of the configuration. */
export function patchCoverage(patchSize: readonly number[], medianShape: readonly number[]): number {
  return patchSize.reduce((share, size, axis) => share * Math.min(1, size / medianShape[axis]), 1);
}

/** The planes of the drawing: one for 2D, three for 3D, in the order of the viewer. `names` are those of the axes. */
export function projections(
  patchSize: readonly number[],
  medianShape: readonly number[],
  spacing: readonly number[],
  names: readonly string[],
): readonly Projection[] {
  const extents = patchSize.map(
    (size, axis): AxisExtent => ({
      name: names[axis],
      patchMm: size * spacing[axis],
      caseMm: medianShape[axis] * spacing[axis],
    }),
  );
  const [x, y, z] = ['x', 'y', 'z'].map((name) => extents.find((extent) => extent.name === name));
  const pairs = [
    [y, x],
    [z, x],
    [z, y],
  ];
  const planes = pairs.flatMap(([rows, columns]) => (rows && columns ? [{ rows, columns }] : []));
  return planes.length > 0 ? planes : [{ rows: extents[0], columns: extents[1] }];
}

const PLANE_NAMES: Readonly<Record<string, string>> = {
  yx: 'Axial',
  zx: 'Coronal',
  zy: 'Sagittal',
};

/** What the plane shows of an image as scanners store it. */
export function planeName({ rows, columns }: Projection): string {
  return PLANE_NAMES[rows.name + columns.name] ?? `${rows.name} × ${columns.name}`;
}

/** A round length for a scale bar, about a quarter of `mm`. */
export function scaleBarLength(mm: number): number {
  const target = mm / 4;
  const power = 10 ** Math.floor(Math.log10(target));
  return [5, 2, 1].map((step) => step * power).find((length) => length <= target) ?? power;
}
