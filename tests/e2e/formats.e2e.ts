// Images in every format, given to the studio: read in the worker, under the page's own policy, and shown.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { newGeometry } from '@/core/io/niftiWriter';
import { encodePng } from '@/core/io/png';
import { writeCase } from '@/core/io/readers';
import { encodeTiff } from '@/core/io/tiff';
import { dicomSlice } from '../support/dicom';
import type { Workbench } from './files';
import { expect, test } from './studioPage';
import { expectMouseWorks } from './viewerMouse';

const DATA = path.resolve('../shared/data');
const SHAPE = [6, 20, 30] as const;
const labels = Uint8Array.from({ length: 3600 }, (_, i) => i % 250);

async function volume(bench: Workbench, ending: string): Promise<readonly string[]> {
  const [{ content }] = await writeCase(labels, SHAPE, newGeometry(SHAPE, [3, 1, 1]), { ending });
  return [bench.write(`scan${ending}`, content)];
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
  { what: 'NRRD', name: 'scan', make: (bench) => volume(bench, '.nrrd') },
  { what: 'MetaImage', name: 'scan', make: (bench) => volume(bench, '.mha') },
  { what: 'GIPL', name: 'scan', make: (bench) => volume(bench, '.gipl') },
  {
    what: 'PNG',
    name: 'picture',
    make: async (bench) => [bench.write('picture.png', await encodePng(labels.slice(0, 600), 30, 20))],
  },
  {
    what: 'a TIFF stack with its voxel size',
    name: 'stack',
    make: async (bench) => [
      bench.write('stack_0000.tif', await encodeTiff(labels, SHAPE)),
      bench.write('stack.json', '{"spacing": [3, 1, 1]}'),
    ],
  },
  { what: 'a DICOM series', name: 'CT', make: series },
];

for (const { what, name, make } of FORMATS) {
  test(`${what} is shown`, async ({ studio, workbench }) => {
    await studio.choose(await make(workbench));
    await studio.waitUntilShown();
    await expect(studio.panel).toContainText(name);
    await expectMouseWorks(studio.page);
  });
}

test('a dropped file is shown, and so is a dropped folder', async ({ studio, workbench }) => {
  const [file] = await volume(workbench, '.nrrd');
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
