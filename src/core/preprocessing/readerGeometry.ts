// The place of a case as nnU-Net's readers leave it in the `.pkl` of its properties.

import { unpickle } from '@/core/interop/pickle';
import { NumpyArray, PYTHON_GLOBALS } from '@/core/interop/pickleGlobals';
import { isDict, type PickleValue, sequenceItems } from '@/core/interop/pickleValues';
import type { GridGeometry, ImageGeometry } from '@/core/io/medicalImage';
import { nrrdFormat } from '@/core/io/nrrd';
import type { SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import type { Xyz, Zyx } from '@/shared/geometry';

/**
 * Where a label map of `shape`, reader order, belongs: by `sitk_stuff` or `nibabel_stuff`. Of readers that reorient the
 * reoriented place is taken, in which the probabilities lie. Throws `BadProperties`, `BadPickle`.
 */
export async function geometryOfProperties(file: SourceFile, shape: Zyx): Promise<ImageGeometry> {
  const { value } = unpickle(await file.bytes(), {
    file: file.path,
    globals: PYTHON_GLOBALS,
    keepsHarmless: true,
  });
  const properties = isDict(value) ? value : undefined;
  const itk = properties?.get('sitk_stuff');
  const nibabel = properties?.get('nibabel_stuff');
  const grid = isDict(itk)
    ? itkGrid(itk)
    : isDict(nibabel)
      ? nibabelGrid(nibabel.get('reoriented_affine') ?? nibabel.get('original_affine'))
      : undefined;
  if (grid)
    return {
      format: 'grid',
      kind: nrrdFormat.kind,
      size: [shape[2], shape[1], shape[0]].slice(0, grid.rank),
      ...grid.place,
    };
  throw new StudioError(
    'BadProperties',
    `${file.path} does not say where its image lies.`,
    'Put the predicted label map beside it.',
  );
}

type Place = Pick<GridGeometry, 'spacing' | 'directions' | 'origin'>;

interface Grid {
  readonly rank: number;
  readonly place: Place;
}

function itkGrid(stuff: ReadonlyMap<PickleValue, PickleValue>): Grid | undefined {
  const spacing = numbers(stuff.get('spacing'));
  const origin = numbers(stuff.get('origin'));
  const direction = numbers(stuff.get('direction'));
  const rank = spacing.length;
  if ((rank !== 2 && rank !== 3) || origin.length !== rank || direction.length !== rank * rank) {
    return undefined;
  }
  // ITK's direction matrix has an axis a column.
  const axis = (j: number): Xyz =>
    j < rank ? [direction[j], direction[rank + j], rank === 3 ? direction[2 * rank + j] : 0] : [0, 0, 1];
  return {
    rank,
    place: {
      spacing: [spacing[0], spacing[1], spacing[2] ?? 1],
      directions: [axis(0), axis(1), axis(2)],
      origin: [origin[0], origin[1], origin[2] ?? 0],
    },
  };
}

/** From nibabel's R-A-S to ITK's L-P-S. */
function nibabelGrid(affine: PickleValue | undefined): Grid | undefined {
  const values = affine instanceof NumpyArray && !affine.isFortranOrder ? numbers([...affine.values]) : [];
  if (values.length !== 16) return undefined;
  const column = (j: number): Xyz => [-values[j], -values[4 + j], values[8 + j]];
  const length = (j: number) => Math.hypot(...column(j)) || 1;
  const direction = (j: number): Xyz => {
    const [x, y, z] = column(j);
    return [x / length(j), y / length(j), z / length(j)];
  };
  return {
    rank: 3,
    place: {
      spacing: [length(0), length(1), length(2)],
      directions: [direction(0), direction(1), direction(2)],
      origin: column(3),
    },
  };
}

function numbers(value: PickleValue | undefined): readonly number[] {
  return (sequenceItems(value) ?? []).filter((each): each is number => typeof each === 'number');
}
