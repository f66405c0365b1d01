import path from 'node:path';
import { expect, test } from '@playwright/test';
import { build, preview } from 'vite';

const CONFIG_FILE = path.resolve('tests/e2e/pages/overfit/vite.config.ts');

test('a worker in the browser learns one patch by heart: Dice above 0.98 in under 200 steps', async ({
  page,
}) => {
  await build({ configFile: CONFIG_FILE, logLevel: 'warn' });
  const server = await preview({ configFile: CONFIG_FILE, logLevel: 'warn' });
  try {
    const [address] = server.resolvedUrls?.local ?? [];
    await page.goto(address);
    await page.waitForFunction(() => 'learnByHeart' in window);
    const { adapter, steps, dice, losses, compileSeconds, seconds } = await page.evaluate(() =>
      window.learnByHeart(),
    );
    console.log(
      `${adapter}: Dice ${dice.toFixed(4)} after ${steps} steps in ${seconds.toFixed(1)} s, compiled in ${compileSeconds.toFixed(1)} s, loss ${losses[0].toFixed(3)} to ${losses[1].toFixed(3)}`,
    );
    expect(dice).toBeGreaterThan(0.98);
    expect(steps).toBeLessThan(200);
    expect(losses[1]).toBeLessThan(losses[0]);
  } finally {
    await server.close();
  }
});
