import { describe, expect, test } from 'vitest';
import { itkPlaceOf, reorientedGrid } from '@/core/io/itkGeometry';
import type { GridGeometry } from '@/core/io/medicalImage';
import { parseNiftiHeader } from '@/core/io/niftiHeader';
import { axisDirections, reorientationToRas } from '@/core/io/orientation';
import { readCase, readerFor, writeCase } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import { affineOfGrid } from '@/core/io/volumeFile';
import { caseProperties } from '@/core/preprocessing/readerProperties';
import type { Zyx } from '@/shared/geometry';
import { type NiftiSpec, niftiFile, niftiHeader } from '../../support/nifti';

const DIM = [4, 3, 2] as const;
const METRES = 1;
const MICROMETRES = 3;

function placeOf(spec: Partial<NiftiSpec>) {
  return itkPlaceOf(parseNiftiHeader(niftiHeader({ dim: DIM, ...spec }), 'a.nii'));
}

/** sform of axis-aligned columns of these lengths. */
const aligned = (code: number, [x, y, z]: readonly number[], origin = [10, 20, 30]) => ({
  code,
  rows: [
    [x, 0, 0, origin[0]],
    [0, y, 0, origin[1]],
    [0, 0, z, origin[2]],
  ],
});

/** qform that turns half round z: L-P-S, so that its direction in ITK is the identity. */
const qform = (code: number) => ({ code, quaternion: [0, 0, 1], offset: [1, 2, 3] });

const sheared = (code: number) => ({
  code,
  rows: [
    [1, 0.3, 0, 10],
    [0, 1, 0, 20],
    [0, 0, 1, 30],
  ],
});

const RAS_IN_LPS = [
  [-1, 0, 0],
  [0, -1, 0],
  [0, 0, 1],
];
const IDENTITY = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];

describe('ITK’s choice between sform and qform', () => {
  test.each([
    ['scanner sform beside another qform', { sform: aligned(1, [1, 1, 1]), qform: qform(1) }, 'sform'],
    ['aligned sform beside another qform', { sform: aligned(2, [1, 1, 1]), qform: qform(1) }, 'qform'],
    ['MNI sform beside another qform', { sform: aligned(4, [1, 1, 1]), qform: qform(2) }, 'qform'],
    ['any sform without a qform', { sform: aligned(4, [1, 1, 1]), qform: qform(0) }, 'sform'],
    ['sheared scanner sform beside a qform', { sform: sheared(1), qform: qform(1) }, 'qform'],
    ['qform alone', { sform: aligned(0, [1, 1, 1]), qform: qform(1) }, 'qform'],
  ] as const)('%s: the %s', (_, spec, winner) => {
    const { grid, refusal } = placeOf(spec);
    expect(refusal).toBeUndefined();
    expect(grid.directions).toEqual(winner === 'sform' ? RAS_IN_LPS : IDENTITY);
    expect(grid.origin).toEqual(winner === 'sform' ? [-10, -20, 30] : [-1, -2, 3]);
  });

  test('neither has a code: the axes of L-P-S, origin 0', () => {
    const { grid } = placeOf({ sform: aligned(0, [1, 1, 1]), qform: qform(0), pixdim: [2, 3, 4] });
    expect(grid).toEqual({ size: [4, 3, 2], spacing: [2, 3, 4], directions: IDENTITY, origin: [0, 0, 0] });
  });

  test('a voxel size of 0 counts as 1, before units', () => {
    expect(placeOf({ pixdim: [2, 0, 4] }).grid.spacing).toEqual([2, 1, 4]);
    expect(placeOf({ pixdim: [2, 0, 4], units: METRES }).grid.spacing).toEqual([2000, 1000, 4000]);
  });

  test('an sform like the qform but for rounding keeps its own digits, whatever its code', () => {
    const { grid } = placeOf({
      sform: { code: 2, rows: aligned(2, [-1, -1, 1], [1.00005, 2, 3]).rows },
      qform: qform(1),
    });
    expect(grid.origin[0]).toBe(-Math.fround(1.00005));
  });

  test('a sheared sform without a qform is what ITK refuses; it is laid at right angles', () => {
    const { grid, refusal } = placeOf({ sform: sheared(1) });
    expect(refusal).toMatch(/sheared/);
    const [x, y] = grid.directions;
    expect(x[0] * y[0] + x[1] * y[1] + x[2] * y[2]).toBeCloseTo(0, 12);
    expect(grid.origin).toEqual([-10, -20, 30]);
  });

  test('a quaternion whose scalar part is lost in rounding is half a turn', () => {
    const c = Math.fround(0.99999998);
    const { grid } = placeOf({ qform: { code: 1, quaternion: [0, c, 0], offset: [0, 0, 0] } });
    expect(grid.directions).toEqual([
      [1, 0, 0],
      [0, -1, 0],
      [0, 0, -1],
    ]);
  });
});

describe('spacing and units', () => {
  test('spacing is pixdim, not the length of the columns', () => {
    const { grid } = placeOf({ pixdim: [2, 2.5, 3], sform: aligned(1, [1, 1, 1]) });
    expect(grid.spacing).toEqual([2, 2.5, 3]);
    expect(grid.directions).toEqual(RAS_IN_LPS);
  });

  test.each([
    [METRES, 1000],
    [MICROMETRES, 0.001],
    [2, 1],
    [0, 1],
  ])('units %i: mm × %d, the origin too', (units, factor) => {
    const { grid } = placeOf({ units, pixdim: [2, 2, 4], sform: aligned(1, [2, 2, 4]) });
    expect(grid.spacing).toEqual([2 * factor, 2 * factor, 4 * factor]);
    expect(grid.origin).toEqual([-10 * factor, -20 * factor, 30 * factor]);
  });

  test('a negative voxel size turns its axis round', () => {
    const { grid } = placeOf({ pixdim: [-2, 2, 2], sform: aligned(1, [2, 2, 2]) });
    expect(grid.spacing[0]).toBe(2);
    expect(grid.directions[0]).toEqual([1, 0, 0]);
  });

  test('an image of two axes has two of everything', () => {
    const { grid } = placeOf({ dim: [4, 3], pixdim: [2, 3], sform: aligned(1, [2, 3, 1]) });
    expect(grid.size).toEqual([4, 3]);
    expect(grid.spacing).toEqual([2, 3, 1]);
    expect(grid.origin).toEqual([-10, -20, 0]);
    expect(grid.directions[2]).toEqual([0, 0, 1]);
  });
});

/** Turned by 30° about z, in metres, with a qform elsewhere: everything that goes wrong at once. */
const ODD: NiftiSpec = {
  dim: DIM,
  units: METRES,
  pixdim: [0.002, 0.003, 0.004],
  sform: {
    code: 1,
    rows: [
      [0.001 * Math.cos(0.5), -0.001 * Math.sin(0.5), 0, 0.05],
      [0.001 * Math.sin(0.5), 0.001 * Math.cos(0.5), 0, -0.02],
      [0, 0, -0.001, 0.03],
    ],
  },
  qform: qform(2),
};

describe('label maps written from it', () => {
  test.each(['.nrrd', '.mha', '.gipl'])('%s lies where ITK has the NIfTI', async (ending) => {
    const image = await readCase([memoryFile(niftiFile(ODD), 'a.nii')], 'SimpleITKIO');
    const { grid } = placeOf(ODD);
    const [{ content }] = await writeCase(new Uint8Array(24), image.shape, image.geometry, { ending });
    const written = await readCase([memoryFile(content, `a${ending}`)], 'SimpleITKIO');
    const { spacing, directions, origin } = written.geometry as GridGeometry;
    const close = (values: readonly number[], expected: readonly number[]) => {
      values.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i], 6);
      });
    };
    close(spacing, grid.spacing);
    close(origin, grid.origin);
    // GIPL stores no direction that ITK reads.
    close(directions.flat(), ending === '.gipl' ? IDENTITY.flat() : grid.directions.flat());
    expect(grid.spacing[0]).toBeCloseTo(2, 5);
    expect(grid.origin[0]).toBeCloseTo(-50, 5);
  });
});

describe('sitk_stuff', () => {
  async function stuffOf(spec: NiftiSpec, reader: string) {
    const image = await readCase([memoryFile(niftiFile(spec), 'a.nii')], reader);
    const shape: Zyx = image.shape;
    const entries = caseProperties(
      image,
      {
        spacing: image.spacing,
        spacingTransposed: image.spacing,
        shapeBeforeCropping: shape,
        bboxUsedForCropping: [
          [0, 1],
          [0, 1],
          [0, 1],
        ],
        shapeAfterCroppingAndBeforeResampling: shape,
      },
      reader,
    );
    const stuff = new Map(entries).get('sitk_stuff');
    if (!(stuff instanceof Map)) throw new Error('no sitk_stuff');
    const numbers = (key: string) =>
      (stuff.get(key) as readonly { readonly value: number }[]).map(({ value }) => value);
    return {
      spacing: numbers('spacing'),
      origin: numbers('origin'),
      direction: numbers('direction'),
      orientation: stuff.get('original_orientation'),
    };
  }

  test('is the place ITK finds, an axis a column', async () => {
    const { grid } = placeOf(ODD);
    const stuff = await stuffOf(ODD, 'SimpleITKIO');
    expect(stuff.spacing).toEqual(grid.spacing);
    expect(stuff.origin).toEqual(grid.origin);
    const [x, y, z] = grid.directions;
    expect(stuff.direction).toEqual([x[0], y[0], z[0], x[1], y[1], z[1], x[2], y[2], z[2]]);
  });

  test('of a picture of two axes has two, two and four numbers', async () => {
    const stuff = await stuffOf(
      { dim: [4, 3], pixdim: [2, 3], values: new Array(12).fill(1) },
      'SimpleITKIO',
    );
    expect(stuff).toMatchObject({ spacing: [2, 3], origin: [0, 0], direction: [1, 0, 0, 1] });
  });

  test('after reorientation: spacing goes with its axis, the original orientation is ITK’s', async () => {
    const spec: NiftiSpec = { dim: DIM, pixdim: [2, 3, 4], sform: aligned(0, [1, 1, 1]) };
    const stuff = await stuffOf(spec, 'SimpleITKIOWithReorient');
    // Without codes the axes run to L, P and S: two of them are turned round.
    expect(stuff.orientation).toBe('LPS');
    expect(stuff.spacing).toEqual([2, 3, 4]);
    expect(stuff.direction).toEqual([-1, 0, 0, 0, -1, 0, 0, 0, 1]);
    expect(stuff.origin).toEqual([2 * 3, 3 * 2, 0]);
  });
});

test('every voxel keeps its place when the axes of a grid change', () => {
  const grid = {
    size: [4, 3, 2],
    spacing: [2, 3, 5],
    directions: [
      [0, 0, -1],
      [1, 0, 0],
      [0, -1, 0],
    ],
    origin: [7, 8, 9],
  } as const;
  const directions = axisDirections(affineOfGrid(grid));
  if (!directions) throw new Error('no directions');
  const turned = reorientedGrid(grid, reorientationToRas(directions));
  const corners = ({ size, ...place }: Pick<GridGeometry, 'size' | 'spacing' | 'directions' | 'origin'>) =>
    [0, 1, 2, 3, 4, 5, 6, 7]
      .map((bits) => {
        const index = [0, 1, 2].map((axis) => ((bits >> axis) & 1) * (size[axis] - 1));
        return affineOfGrid(place).map(
          (row) => row[3] + row[0] * index[0] + row[1] * index[1] + row[2] * index[2] + 0,
        );
      })
      .map(String)
      .sort();
  expect(corners(turned)).toEqual(corners(grid));
});

test('a dataset that ITK refuses is read by nibabel’s reader, as in nnU-Net', async () => {
  const refused = memoryFile(niftiFile({ dim: DIM, sform: sheared(1) }), 'a_0000.nii.gz');
  const chosen = await readerFor({ fileEnding: '.nii.gz', exampleFiles: [refused] });
  expect(chosen.reader.name).toBe('NibabelIO');
  const image = await readCase([refused], 'SimpleITKIO');
  expect(image.warnings[0]).toMatch(/SimpleITKIO would not read it/);
});
