// What the writers of ITK's formats share: a label map in the axes of its file, and where it lies as ITK has it.
import type { LabelTarget, WritableLabels } from './imageFormat';
import { labelsToStore } from './imageReader';
import { itkPlaceOf } from './itkGeometry';
import type { GridGeometry, NiftiGeometry } from './medicalImage';
import { parseNiftiHeader } from './niftiHeader';
import { inFileOrder, niftiGeometryOf } from './niftiWriter';

/** A label map as it is stored. */
export interface GridLabels {
  readonly stored: WritableLabels;
  readonly grid: Pick<GridGeometry, 'size' | 'spacing' | 'directions' | 'origin'>;
}

/** The labels in the order of the file, in the smallest type, and their place. */
export function gridLabels(labels: WritableLabels, { shape, geometry }: LabelTarget): GridLabels {
  const grid = geometry.format === 'grid' ? geometry : gridOfNifti(niftiGeometryOf(geometry, shape));
  const { size, reorientation } = grid;
  return {
    stored: labelsToStore(inFileOrder(labels, shape, [size[2] ?? 1, size[1], size[0]], reorientation)),
    grid,
  };
}

/** The bytes of the stored labels. */
export function bytesOfLabels({ stored }: GridLabels): Uint8Array {
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}

/** The place that a NIfTI header tells, as ITK has it. */
function gridOfNifti({ header, reorientation }: NiftiGeometry): Omit<GridGeometry, 'format' | 'kind'> {
  const { grid } = itkPlaceOf(parseNiftiHeader(header, 'header'));
  return { ...grid, ...(reorientation && { reorientation }) };
}
