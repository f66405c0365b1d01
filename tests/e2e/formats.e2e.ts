// Images in every format, given to the studio: read in the worker, under the page's own policy, and shown.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { newGeometry } from '@/core/io/niftiWriter';
import { encodePng } from '@/core/io/png';
import { writeCase } from '@/core/io/readers';
import { encodeTiff } from '@/core/io/tiff';
import { dicomSlice } from '../support/dicom';
import { storedByZstd, tiffFile } from '../support/tiff';
import type { Workbench } from './files';
import { expect, test } from './studioPage';
import { expectMouseWorks } from './viewerMouse';

const DATA = path.resolve('../shared/data');
const [ROWS, COLUMNS] = [20, 30];
const intensities = Uint8Array.from({ length: 6 * ROWS * COLUMNS }, (_, i) => i % 250);

/** Each of another depth: one of the same size as the image that is open would be taken for its label map. */
async function volume(bench: Workbench, ending: string, depth: number): Promise<readonly string[]> {
  const shape = [depth, ROWS, COLUMNS] as const;
  const values = intensities.slice(0, depth * ROWS * COLUMNS);
  const [{ content }] = await writeCase(values, shape, newGeometry(shape, [3, 1, 1]), { ending });
  return [bench.write(`scan_${ending.slice(1)}${ending}`, content)];
}

function series(bench: Workbench): readonly string[] {
  return [0, 1, 2, 3].map((z) => {
    const values = Array.from({ length: 600 }, (_, i) => i + z);
    return bench.write(`${z}.dcm`, dicomSlice({ values, columns: 30, rows: 20, position: `0\\0\\${3 * z}` }));
  });
}

const FORMATS: readonly {
  readonly what: string;
  readonly name: string;
  make(bench: Workbench): Promise<readonly string[]> | readonly string[];
}[] = [
  { what: 'NRRD', name: 'scan_nrrd', make: (bench) => volume(bench, '.nrrd', 6) },
  { what: 'MetaImage', name: 'scan_mha', make: (bench) => volume(bench, '.mha', 5) },
  { what: 'GIPL', name: 'scan_gipl', make: (bench) => volume(bench, '.gipl', 4) },
  {
    what: 'PNG',
    name: 'picture',
    make: async (bench) => [
      bench.write('picture.png', await encodePng(intensities.slice(0, 600), COLUMNS, ROWS)),
    ],
  },
  {
    what: 'a TIFF stack with its voxel size',
    name: 'stack',
    make: async (bench) => [
      bench.write('stack_0000.tif', await encodeTiff(intensities.slice(0, 1800), [3, ROWS, COLUMNS])),
      bench.write('stack.json', '{"spacing": [3, 1, 1]}'),
    ],
  },
  {
    what: 'a TIFF stack packed by Zstandard',
    name: 'packed',
    make: (bench) => {
      const values = Array.from(intensities.slice(0, 200));
      const stack = { shape: [2, 10, 10], values, compression: 50000, pack: storedByZstd } as const;
      return [
        bench.write('packed_0000.tif', tiffFile(stack)),
        bench.write('packed.json', '{"spacing": [3, 1, 1]}'),
      ];
    },
  },
  { what: 'a DICOM series', name: 'CT', make: series },
];

test('images of every format are shown, one after the other', async ({ studio, workbench }) => {
  for (const { what, name, make } of FORMATS) {
    await test.step(what, async () => {
      await studio.choose(await make(workbench));
      await expect(studio.page.getByLabel(`Slices of ${name}`)).toBeVisible();
      await studio.waitUntilShown();
      await expectMouseWorks(studio.page);
    });
  }
});

test('a dropped file is shown, and so is a dropped folder', async ({ studio, workbench }) => {
  const [file] = await volume(workbench, '.nrrd', 6);
  await studio.drop(file);
  await studio.waitUntilShown();
  await expect(studio.panel).toContainText('scan');
  series(workbench);
  await studio.drop(workbench.folder);
  await expect(studio.panel).toContainText('CT');
  await expect(studio.page.getByLabel('Slices of CT')).toBeVisible();
  await studio.waitUntilShown();
  await expectMouseWorks(studio.page);
});

test('a series packed as JPEG 2000 is unpacked by our own codec', async ({ studio }) => {
  const folder = path.join(DATA, 'dicom/ct-series');
  test.skip(!existsSync(folder), 'the shared test data are not there');
  await studio.choose(readdirSync(folder).map((file) => path.join(folder, file)));
  await studio.waitUntilShown();
  await expect(studio.panel).toContainText('CT-Body-3-0');
  await expect(studio.page.getByRole('button', { name: /^L / })).toHaveText('L 40 W 300'); // as its tags say
  expect(studio.requests).toEqual([]);
});
