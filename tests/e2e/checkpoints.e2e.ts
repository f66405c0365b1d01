import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type BrowserContext, test as base, chromium, expect, type Page } from '@playwright/test';
import { build, type PreviewServer, preview } from 'vite';
import { seededRandom, uniformIn } from '../../src/shared/random';

const CONFIG_FILE = path.resolve('tests/e2e/pages/checkpoints/vite.config.ts');
const KILLS = 30;

/** With a profile on disk, as people have; a test's own context keeps everything in memory. */
const test = base.extend<{ context: BrowserContext }>({
  context: async ({ launchOptions }, use) => {
    const profile = mkdtempSync(path.join(os.tmpdir(), 'nnstudio-profile-'));
    const context = await chromium.launchPersistentContext(profile, launchOptions);
    await use(context);
    await context.close();
    rmSync(profile, { recursive: true, force: true });
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

test('a tab that is closed or crashes at any moment of a checkpoint’s write leaves a whole one in IndexedDB', async ({
  context,
}) => {
  const random = seededRandom(1);
  const rows = [];
  let found = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const afterMs = Math.round(uniformIn(random, [0, 800]));
    const end = kill % 2 === 0 ? 'closed' : 'crashed';
    const told = await toldUntilTheEnd(context, found + 1, { end, afterMs });
    const page = await opened(context);
    const { number, isWhole, damage } = await page.evaluate(() => window.checkpoints.read());
    await page.close();
    rows.push({ end, 'after ms': afterMs, 'told of': told, found: number, whole: isWhole });
    expect(isWhole).toBe(true);
    expect(damage).toEqual([]);
    expect(number).toBeGreaterThanOrEqual(told);
    found = number;
  }
  console.table(rows);
  const page = await opened(context);
  const stored = await page.evaluate((number) => window.checkpoints.writeOne(number), found + 1);
  expect(stored.chunks).toBe(2 * 5);
  await page.close();
});

test('a storage that is full keeps what was written, says what to delete, and takes the next one when there is room', async ({
  context,
}) => {
  const page = await opened(context);
  const devTools = await context.newCDPSession(page);
  const origin = new URL(address).origin;
  // Before the first write, as Chromium asks only now and then: two checkpoints fit, a third does not.
  await devTools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 11e6 });
  for (const number of [1, 2]) await page.evaluate((each) => window.checkpoints.writeOne(each), number);
  const refused = await page.evaluate(() => window.checkpoints.writeOne(3).then(String, String));
  console.log(refused);
  expect(refused).toMatch(/no room for checkpoint_latest\.pth of run-1, which needs 4\.2 MB.* Delete /);
  const read = () => page.evaluate(() => window.checkpoints.read());
  expect(await read()).toEqual({ number: 2, isWhole: true, damage: [] });

  await devTools.send('Storage.overrideQuotaForOrigin', { origin });
  expect(await page.evaluate(() => window.checkpoints.writeOne(4))).toMatchObject({ chunks: 2 * 5 });
  expect(await read()).toEqual({ number: 4, isWhole: true, damage: [] });
});

async function opened(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(address);
  await page.waitForFunction(() => 'checkpoints' in window);
  return page;
}

/** The number of the last checkpoint that a tab told of before its end. */
async function toldUntilTheEnd(
  context: BrowserContext,
  first: number,
  { end, afterMs }: { readonly end: 'closed' | 'crashed'; readonly afterMs: number },
): Promise<number> {
  const page = await context.newPage();
  let told = 0;
  await page.exposeFunction('onKept', (number: number) => {
    told = number;
  });
  await page.goto(address);
  await page.waitForFunction(() => 'checkpoints' in window);
  await page.evaluate((number) => window.checkpoints.start(number), first);
  await page.waitForTimeout(afterMs);
  if (end === 'crashed') {
    const crashed = page.waitForEvent('crash');
    await page.goto('chrome://crash').catch(() => undefined); // no answer comes from a crash
    await crashed;
  }
  await page.close();
  return told;
}
