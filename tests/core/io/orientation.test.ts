import { describe, expect, test } from 'vitest';
import {
  type Affine,
  axisDirections,
  eachRow,
  filePlacement,
  orientationCode,
  qformAffine,
  reorientationToRas,
  reorientedShape,
} from '@/core/io/orientation';

const CODES = ['RAS', 'LAS', 'LPS', 'PIR', 'SLA', 'AIL', 'IPR', 'RSP'];

/** An affine whose file axes run as the code says. */
function affineOf(code: string, spacing = [1, 1, 1]): Affine {
  const columns = [...code].map((letter, j) => {
    const axis = ['RL', 'AP', 'SI'].findIndex((pair) => pair.includes(letter));
    return [0, 1, 2].map((row) => (row === axis ? ('RAS'.includes(letter) ? spacing[j] : -spacing[j]) : 0));
  });
  const row = (i: number) => [columns[0][i], columns[1][i], columns[2][i], 7] as const;
  return [row(0), row(1), row(2)];
}

function codeOf(affine: Affine): string | undefined {
  const directions = axisDirections(affine);
  return directions && orientationCode(directions);
}

describe('axis directions', () => {
  test.each(CODES)('%s', (code) => {
    expect(codeOf(affineOf(code, [0.5, 3, 20]))).toBe(code);
  });

  test('shear is taken out first: nearest rotation, not nearest column', () => {
    const sheared: Affine = [
      [1, 1.2, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
    ];
    expect(codeOf(sheared)).toBe('RAS');
  });

  test('an axis without direction has no code', () => {
    expect(
      codeOf([
        [1, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 1, 0],
      ]),
    ).toBeUndefined();
  });
});

describe('qform', () => {
  test.each([
    [[0, 0, 0], 1, 'RAS'],
    [[0, 0, 0], -1, 'RAI'],
    [[1, 0, 0], 1, 'RPI'],
    [[0, 0, 1], 1, 'LPS'],
    [[0, 1, 0], -1, 'LAS'],
    [[0.5, 0.5, 0.5], 1, 'ASR'],
  ] as const)('quaternion %j with qfac %i is %s', ([b, c, d], qfac, code) => {
    const affine = qformAffine({ b, c, d, qfac, offset: [1, 2, 3] }, [2, 3, 4]);
    expect(codeOf(affine)).toBe(code);
    expect(affine.map((row) => row[3])).toEqual([1, 2, 3]);
    expect([0, 1, 2].map((j) => Math.hypot(affine[0][j], affine[1][j], affine[2][j]))).toEqual([2, 3, 4]);
  });
});

describe('reorientation', () => {
  test.each(CODES)('%s comes out R-A-S: every voxel keeps its place in the world', (code) => {
    const fileShape = [2, 3, 4] as const;
    const affine = affineOf(code);
    const directions = axisDirections(affine);
    if (!directions) throw new Error('no directions');
    const reorientation = reorientationToRas(directions);
    const shape = reorientedShape(fileShape, reorientation);
    const image: (readonly number[])[] = [];
    eachRow(fileShape, filePlacement(fileShape, reorientation), 0, 24, (index, count, at, step) => {
      for (let n = 0; n < count; n++) {
        const [i, j, k] = [(index + n) % 4, Math.floor((index + n) / 4) % 3, Math.floor((index + n) / 12)];
        image[at + n * step] = affine.map(([a, b, c, d]) => a * i + b * j + c * k + d);
      }
    });
    expect(image.flat().length).toBe(72);
    const at = (z: number, y: number, x: number) => image[(z * shape[1] + y) * shape[2] + x];
    for (let z = 0; z < shape[0]; z++) {
      for (let y = 0; y < shape[1]; y++) {
        for (let x = 0; x < shape[2]; x++) {
          expect(at(z, y, x)).toEqual([at(0, 0, 0)[0] + x, at(0, 0, 0)[1] + y, at(0, 0, 0)[2] + z]);
        }
      }
    }
  });

  test('rows may be visited in pieces that do not fit them', () => {
    const fileShape = [2, 3, 4] as const;
    const placement = filePlacement(fileShape, { fileAxes: [2, 0, 1], isReversed: [true, false, true] });
    const visited = (bounds: readonly number[]) => {
      const places = new Map<number, number>();
      for (let n = 0; n + 1 < bounds.length; n++) {
        eachRow(fileShape, placement, bounds[n], bounds[n + 1], (index, count, at, step) => {
          for (let m = 0; m < count; m++) places.set(index + m, at + m * step);
        });
      }
      return places;
    };
    expect(visited([0, 5, 6, 17, 24])).toEqual(visited([0, 24]));
    expect(new Set(visited([0, 24]).values()).size).toBe(24);
  });
});
