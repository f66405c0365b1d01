// Labels as they are drawn: each in its own colour, however many there are and whatever their values.
import path from 'node:path';
import { test as base, expect, type Page } from '@playwright/test';
import { decode } from 'fast-png';
import { build, type PreviewServer, preview } from 'vite';
import { labelColor } from '@/ui/labelColors';

const CONFIG_FILE = path.resolve('tests/e2e/pages/labels/vite.config.ts');
const EDGE = 256;
/** Screen pixels of a voxel. */
const SCALE = 2;
const BLACK = '#000000';

const test = base.extend<{ page: Page }>({
  page: async ({ page }, use) => {
    await page.goto(address);
    await page.waitForFunction(() => 'labels' in window);
    await use(page);
  },
});

let server: PreviewServer;
let address: string;
test.beforeAll(async () => {
  await build({ configFile: CONFIG_FILE, logLevel: 'warn' });
  server = await preview({ configFile: CONFIG_FILE, logLevel: 'warn' });
  [address] = server.resolvedUrls?.local ?? [];
});
test.afterAll(() => server.close());

/** The colour in the middle of each voxel on screen, `#rrggbb`; x fastest. */
async function colorsOnScreen(page: Page): Promise<readonly string[]> {
  const { data, width, channels } = decode(await page.locator('#stage').screenshot());
  return Array.from({ length: EDGE * EDGE }, (_, i) => {
    const [x, y] = [SCALE * (i % EDGE), SCALE * Math.floor(i / EDGE)];
    const at = channels * (y * width + x);
    return `#${Buffer.from(Array.from(data.subarray(at, at + 3))).toString('hex')}`;
  });
}

/** The crosshair lies over the middle row and column. */
const isUnderCrosshair = (i: number) =>
  Math.abs((i % EDGE) - EDGE / 2) <= 1 || Math.abs(Math.floor(i / EDGE) - EDGE / 2) <= 1;

/** Voxels that are drawn in another colour than theirs. */
async function wrongVoxels(page: Page, colorOf: (index: number) => string): Promise<readonly string[]> {
  return (await colorsOnScreen(page)).flatMap((color, i) =>
    isUnderCrosshair(i) || color === colorOf(i) ? [] : `voxel ${i}: ${color} in place of ${colorOf(i)}`,
  );
}

const upTo = (highest: number) => Array.from({ length: highest + 1 }, (_, i) => i);

for (const { what, map, values } of [
  { what: '117 labels', map: 117, values: upTo(117) },
  { what: '255 labels', map: 255, values: upTo(255) },
  { what: '256 labels', map: 256, values: upTo(256) },
  { what: '65,535 labels', map: 65535, values: upTo(65535) },
  { what: 'sparse labels', map: [0, 1, 300, 65535], values: [0, 1, 300, 65535] },
]) {
  test(`${what} are each drawn in their own colour, and the background in none`, async ({ page }) => {
    await page.evaluate((repeated) => window.labels.show(repeated), map);
    const valueAt = (i: number) => values[i % values.length];
    const colorOf = (i: number) => (valueAt(i) === 0 ? BLACK : labelColor(valueAt(i), {}));
    expect(await wrongVoxels(page, colorOf)).toEqual([]);

    // A hidden label is gone, and no other changes its colour.
    const hidden = [1, values[values.length - 1]];
    await page.evaluate((some) => window.labels.restyle(some, false), hidden);
    const shownColorOf = (i: number) => (hidden.includes(valueAt(i)) ? BLACK : colorOf(i));
    expect(await wrongVoxels(page, shownColorOf)).toEqual([]);
  });
}

test('while the next image is read, nothing is left of the one before', async ({ page }) => {
  await page.evaluate(() => window.labels.show(117));
  await page.evaluate(() => window.labels.clear());
  expect(new Set(await colorsOnScreen(page))).toEqual(new Set([BLACK]));
});

test('an outline is the voxels beside another label', async ({ page }) => {
  // Bands of four columns: their edges are drawn, the two columns inside are not.
  await page.evaluate(() => window.labels.show([0, 0, 0, 0, 7, 7, 7, 7]));
  await page.evaluate(() => window.labels.restyle([], true));
  const isEdge = (i: number) => [4, 7].includes(i % 8) && i % EDGE !== EDGE - 1;
  expect(await wrongVoxels(page, (i) => (isEdge(i) ? labelColor(7, {}) : BLACK))).toEqual([]);
});
