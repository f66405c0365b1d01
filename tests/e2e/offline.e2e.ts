// What the studio needs is there once the page is loaded: the server may go.
import { decodeJpeg2000, decodeJpegLs } from '@/core/io/jpegCodecs';
import { dicomSlice } from '../support/dicom';
import { encodedJpeg2000, encodedJpegLs } from '../support/jpeg';
import { THREE_CLASSES, threeClassNetwork } from '../support/onnxFiles';
import { EvaluatePage } from './evaluatePage';
import { phantomImage } from './files';
import { serveStudio } from './ownServer';
import { expect, StudioPage, test } from './studioPage';

const ROWS = 20;
const COLUMNS = 30;

test('once the page is loaded the server may go: everything works, and nothing asks for it', async ({
  workbench,
  page,
}) => {
  const server = await serveStudio();
  const studio = new StudioPage(page);
  await studio.open(server.address);
  const asked = server.requests.length;
  expect(server.requests.filter((path) => path.endsWith('.wasm'))).toHaveLength(4);
  await server.stop();

  await page.getByRole('button', { name: 'Try the sample' }).click();
  await expect(studio.segmentation).toBeVisible({ timeout: 600_000 });
  expect(await studio.segmentation.getByRole('row').count()).toBeGreaterThan(1);
  expect((await studio.save('Save segmentation')).name).toBe('phantom.nii.gz');

  const packed = [
    { name: 'jpeg2000', syntax: '1.2.840.10008.1.2.4.90', encode: encodedJpeg2000, decode: decodeJpeg2000 },
    { name: 'jpegls', syntax: '1.2.840.10008.1.2.4.80', encode: encodedJpegLs, decode: decodeJpegLs },
  ];
  for (const { name, syntax, encode, decode } of packed) {
    const slices: string[] = [];
    for (let z = 0; z < 3; z++) {
      const values = Int16Array.from({ length: ROWS * COLUMNS }, (_, i) => 7 * i + z);
      const frame = await encode(values, ROWS, COLUMNS);
      expect(new Uint8Array(await decode(frame))).toEqual(new Uint8Array(values.buffer));
      const slice = {
        values: [],
        columns: COLUMNS,
        rows: ROWS,
        position: `0\\0\\${3 * z}`,
        series: `1.2.${syntax.length}.${name.length}`,
        transferSyntax: syntax,
        pixels: ['OB', frame] as const,
      };
      slices.push(workbench.write(`${name}/${z}.dcm`, dicomSlice({ ...slice, isEncapsulated: true })));
    }
    await studio.choose(slices);
    await studio.waitUntilShown();
    await expect(page.getByRole('alert')).toHaveCount(0);
  }

  const elu = { operator: 'Elu', inputs: ['x'], outputs: ['h'] };
  const network = threeClassNetwork([elu], ['batch', 1, 'z', 'y', 'x']);
  const files = [
    workbench.write('head_0000.nii.gz', await phantomImage()),
    workbench.write('tones.onnx', network),
    workbench.write('tones.json', JSON.stringify(THREE_CLASSES)),
  ];
  await studio.choose(files);
  await studio.waitUntilShown();
  await expect(studio.panel).toContainText('our kernels do not know Elu');
  await studio.segment();

  for (const place of ['Data', 'Plan', 'Train']) {
    await page.getByRole('link', { name: place, exact: true }).click();
    await expect(page.getByRole('main').getByRole('heading').first()).toBeVisible();
  }
  await new EvaluatePage(page).open();
  await page.getByRole('link', { name: 'System', exact: true }).click();
  const benchmark = page.getByRole('region', { name: 'Benchmark', exact: true });
  await benchmark.getByRole('button', { name: 'Benchmark this GPU' }).click();
  await expect(benchmark.getByText('1 of 18:')).toBeVisible();
  await benchmark.getByRole('button', { name: 'Cancel' }).click();
  const privacy = page.getByRole('region', { name: 'Privacy' });
  await expect(privacy).toContainText('Ready for offline useyes');
  await expect(privacy).toContainText('Requests since the page was loaded0');
  expect(studio.requests).toEqual([]);
  expect(server.requests).toHaveLength(asked);
});

test('a request of a worker is counted, and a part that is missing is named as that', async ({
  page,
  workbench,
}) => {
  const server = await serveStudio((path) => path.includes('openjpeg') && path.endsWith('.wasm'));
  await page.goto(server.address);
  await expect(page.locator('[data-load="incomplete"]')).toBeVisible();
  await page.getByRole('link', { name: 'System', exact: true }).click();
  const privacy = page.getByRole('region', { name: 'Privacy' });
  await expect(privacy).toContainText('no: JPEG 2000 decoder could not be loaded');
  await expect(privacy).toContainText('Requests since the page was loaded0');
  const icon = new URL('icon.svg', server.address).href;
  await page.workers()[0].evaluate((address) => fetch(address).then(({ status }) => status), icon);
  await expect(privacy).toContainText('Requests since the page was loaded1');

  await page.getByRole('link', { name: 'Segment', exact: true }).click();
  const studio = new StudioPage(page);
  const values = Int16Array.from({ length: ROWS * COLUMNS }, (_, i) => i);
  const slice = dicomSlice({
    values: [],
    columns: COLUMNS,
    rows: ROWS,
    transferSyntax: '1.2.840.10008.1.2.4.90',
    pixels: ['OB', await encodedJpeg2000(values, ROWS, COLUMNS)],
    isEncapsulated: true,
  });
  await studio.choose(workbench.write('slice.dcm', slice));
  await expect(page.getByRole('alert')).toContainText('could not load its own part “JPEG 2000 decoder”');
  await server.stop();
});
