// How long an image takes from being chosen to being shown in the studio, and what of it blocks the page's thread.
//   node scripts/measureOpening.mjs ADDRESS IMAGE [IMAGE …]
import { chromium } from '@playwright/test';
import { findChromium } from './support/chromium.mjs';

const [address, ...images] = process.argv.slice(2);
if (!address || images.length === 0) {
  console.error('usage: node scripts/measureOpening.mjs ADDRESS IMAGE [IMAGE …]');
  process.exit(1);
}

const browser = await chromium.launch({
  executablePath: await findChromium(),
  args: ['--headless', '--no-sandbox', '--disable-quic'],
});
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
await page.addInitScript(() => {
  globalThis.blocks = [];
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) globalThis.blocks.push(Math.round(duration));
  }).observe({ type: 'longtask', buffered: true });
});
await page.goto(address);
await page.waitForLoadState('networkidle');
const session = await page.context().newCDPSession(page);
await session.send('Profiler.enable');

for (const image of images) {
  const name = image
    .split('/')
    .at(-1)
    .replace(/(_0000)?\.nii\.gz$|\.[^.]+$/, '');
  await page.evaluate(() => {
    globalThis.blocks.length = 0;
  });
  await session.send('Profiler.start');
  const start = performance.now();
  await page.getByLabel('Choose files', { exact: true }).first().setInputFiles(image);
  await page.getByLabel(`Slices of ${name}`).waitFor({ timeout: 300_000 });
  await page
    .getByRole('region', { name: 'Under the crosshair' })
    .filter({ hasText: 'intensity' })
    .waitFor({ timeout: 300_000 });
  await page.getByLabel('Loading the image').waitFor({ state: 'hidden', timeout: 300_000 });
  const shown = performance.now() - start;
  await page.screenshot(); // waits until the graphics have drawn what the page asked them to
  const drawn = performance.now() - start;
  const { profile } = await session.send('Profiler.stop');
  const blocks = await page.evaluate(() => globalThis.blocks.toSorted((a, b) => b - a));
  console.log(`${name}: shown after ${seconds(shown)}, on screen after ${seconds(drawn)}`);
  console.log(`  long tasks of the page, ms: ${blocks.slice(0, 8).join(', ') || 'none'}; sum ${sum(blocks)}`);
  for (const [where, ms] of selfTimes(profile).slice(0, 14)) console.log(`  ${Math.round(ms)} ms  ${where}`);
}
await browser.close();

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

function sum(numbers) {
  return numbers.reduce((total, one) => total + one, 0);
}

/** Milliseconds that each function computed by itself, the most first. */
function selfTimes({ nodes, samples, timeDeltas }) {
  const nameOf = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber, columnNumber } }) => [
      id,
      `${functionName || '(anonymous)'} ${url.split('/').at(-1)}:${lineNumber}:${columnNumber}`,
    ]),
  );
  const times = new Map();
  for (const [i, id] of samples.entries()) {
    const name = nameOf.get(id);
    times.set(name, (times.get(name) ?? 0) + timeDeltas[i] / 1000);
  }
  return [...times].filter(([name]) => !/^\((idle|program|root)\)/.test(name)).sort((a, b) => b[1] - a[1]);
}
