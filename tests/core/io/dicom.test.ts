import { describe, expect, test } from 'vitest';
import { findCases } from '@/core/io/cases';
import { readFrames } from '@/core/io/dicomFrames';
import { writeSegmentation } from '@/core/io/niftiWriter';
import { readCase } from '@/core/io/readers';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { type DicomElement, dicomSlice, type SliceSpec } from '../../support/dicom';

const SLICE = { columns: 3, rows: 2 };
const VALUES = [1, 2, 3, 4, 5, -6];

function slice(z: number, spec: Partial<SliceSpec> = {}): SourceFile {
  const values = VALUES.map((value) => value + 10 * z);
  return memoryFile(
    dicomSlice({ ...SLICE, values, position: `10\\20\\${z}`, ...spec }),
    `${spec.series ?? ''}_${z}_${Math.random()}`,
  );
}

const described = (name: string, number: string): readonly DicomElement[] => [
  [0x0008103e, 'LO', name],
  [0x00200011, 'IS', number],
];

describe('a DICOM series', () => {
  test('is sorted by place, rows from the back, values rescaled', async () => {
    const rescale: readonly DicomElement[] = [
      [0x00281052, 'DS', '-1024'],
      [0x00281053, 'DS', '2'],
    ];
    const files = [4, 0, 2].map((z) => slice(z, { more: rescale }));
    const image = await readCase(files, 'SimpleITKIO');
    expect(image.shape).toEqual([3, 2, 3]);
    expect(image.spacing).toEqual([2, 2, 0.5]);
    const rescaled = [4, 5, -6, 1, 2, 3].map((value) => value * 2 - 1024);
    expect([...image.data].slice(0, 6)).toEqual(rescaled);
    expect([...image.data].slice(6, 12)).toEqual(rescaled.map((value) => value + 40));
    expect(image.warnings).toEqual([]);
  });

  test('the window that its tags name is told, the first of several', async () => {
    const named: readonly DicomElement[] = [
      [0x00281050, 'DS', '40\\300'],
      [0x00281051, 'DS', '300\\1500'],
    ];
    const [frame] = await readFrames(slice(0, { more: named }));
    expect(frame.window).toEqual({ level: 40, width: 300 });
    expect((await readFrames(slice(0)))[0].window).toBeUndefined();
  });

  test('results are saved as NIfTI in its place', async () => {
    const image = await readCase([slice(0), slice(2)], 'SimpleITKIO');
    const nifti = await writeSegmentation(new Uint8Array(12).fill(1), image.shape, image.geometry);
    const back = await readCase([memoryFile(nifti, 'a.nii.gz')], 'NibabelIOWithReorient');
    expect(back.shape).toEqual([2, 2, 3]);
    const turned = await readCase([slice(0), slice(2)], 'NibabelIOWithReorient');
    // To the right, to the front: columns and rows reversed.
    expect([...turned.data].slice(0, 6)).toEqual([-6, 5, 4, 3, 2, 1]);
    expect(turned.spacing).toEqual(back.spacing);
  });

  test('a gap is refused with the place, a single slice is not', async () => {
    await expect(readCase([slice(0), slice(2), slice(6), slice(8)], 'SimpleITKIO')).rejects.toMatchObject({
      name: 'IrregularSlices',
    });
    const one = await readCase([slice(0, { more: [[0x00180050, 'DS', '7']] })], 'SimpleITKIO');
    expect(one.spacing).toEqual([7, 2, 0.5]);
  });

  test('a tilted gantry is noted', async () => {
    const tilted = [0, 1, 2].map((i) => slice(2 * i, { position: `0\\${i}\\${2 * i}` }));
    expect((await readCase(tilted, 'SimpleITKIO')).warnings).toEqual([expect.stringContaining('tilted')]);
  });

  test('overlay bits above the value are dropped', async () => {
    const more: readonly DicomElement[] = [
      [0x00280101, 'US', [12]],
      [0x00280102, 'US', [11]],
      [0x00280103, 'US', [0]],
    ];
    const values = [0x1001, 0x2002, 0x0fff, 0x4000, 5, 6];
    const image = await readCase([slice(0, { more, values })], 'SimpleITKIO');
    expect([...image.data]).toEqual([0, 5, 6, 1, 2, 4095]);
  });

  test('run-length coded pixels', async () => {
    // High bytes: a run of six zeros; low bytes: six literals.
    const packed = new Uint8Array(64 + 2 + 8);
    const view = new DataView(packed.buffer);
    view.setUint32(0, 2, true);
    view.setUint32(4, 64, true);
    view.setUint32(8, 66, true);
    packed.set([251, 0, 5, 1, 2, 3, 4, 5, 6, 128], 64);
    const item = new Uint8Array(8 + 8 + packed.length + 8);
    const items = new DataView(item.buffer);
    const tag = (at: number, number: number, length: number) => {
      items.setUint16(at, 0xfffe, true);
      items.setUint16(at + 2, number, true);
      items.setUint32(at + 4, length, true);
    };
    tag(0, 0xe000, 0);
    tag(8, 0xe000, packed.length);
    item.set(packed, 16);
    tag(16 + packed.length, 0xe0dd, 0);
    const bytes = dicomSlice({
      ...SLICE,
      values: [],
      transferSyntax: '1.2.840.10008.1.2.5',
      pixels: ['OB', item],
    });
    new DataView(bytes.buffer).setUint32(bytes.length - item.length - 4, 0xffffffff, true);
    const image = await readCase([memoryFile(bytes, 'a.dcm')], 'SimpleITKIO');
    expect([...image.data]).toEqual([4, 5, 6, 1, 2, 3]);
  });
});

describe('several series', () => {
  test('are told apart and named', async () => {
    const files = [
      ...[0, 1].map((z) => slice(z, { series: '1.1', more: described('T1 axial', '3') })),
      ...[0, 1, 2].map((z) => slice(z, { series: '1.2', more: described('T2/axial', '4') })),
      ...[0, 1].map((z) => slice(z, { series: '1.3', more: described('T2 axial', '5') })),
      memoryFile(new TextEncoder().encode('notes'), 'notes'),
    ];
    const { cases, others } = await findCases(files);
    expect(cases.map(({ caseId, files: members }) => [caseId, members.length])).toEqual([
      ['T1-axial', 2],
      ['T2-axial-4', 3],
      ['T2-axial-5', 2],
    ]);
    expect(others.map(({ path }) => path)).toEqual(['notes']);
    await expect(readCase(files.slice(0, 5), 'SimpleITKIO')).rejects.toMatchObject({ name: 'SeveralSeries' });
  });

  test('echoes at the same place are images of their own', async () => {
    const echo = (z: number, number: string) => slice(z, { more: [[0x00180086, 'IS', number]] });
    const { cases } = await findCases([echo(0, '1'), echo(0, '2'), echo(1, '1'), echo(1, '2')]);
    expect(cases.map(({ files }) => files.length)).toEqual([2, 2]);
    for (const { files } of cases) expect((await readCase(files, 'SimpleITKIO')).shape).toEqual([2, 2, 3]);
  });

  test('a scout in another direction is an image of its own', async () => {
    const { cases } = await findCases([slice(0), slice(1), slice(2, { orientation: '0\\1\\0\\0\\0\\-1' })]);
    expect(cases.map(({ files }) => files.length).sort()).toEqual([1, 2]);
  });
});

describe('DICOM files that are no volume', () => {
  test.each([
    ['UnsupportedVoxelType', { more: [[0x00280002, 'US', [3]]] as const }],
    ['UnsupportedCompression', { transferSyntax: '1.2.840.10008.1.2.4.100' }],
    ['BadDicom', { more: [[0x00280010, 'US', [0]]] as const }],
    ['TruncatedFile', { more: [[0x00280010, 'US', [20]]] as const }],
  ])('%s', async (name, spec) => {
    await expect(readCase([slice(0, spec)], 'SimpleITKIO')).rejects.toMatchObject({ name });
  });

  test('a file that breaks off', async () => {
    const bytes = dicomSlice({ ...SLICE, values: VALUES });
    const cut = memoryFile(bytes.subarray(0, bytes.length - 6), 'a.dcm');
    await expect(readCase([cut], 'SimpleITKIO')).rejects.toMatchObject({ name: 'BadDicom' });
  });
});
