import { readFileSync } from 'node:fs';
import { expect, test } from './studioPage';

/** The benchmark allows itself a minute on a software adapter; a busy machine takes longer over the first network. */
const MOST_MS = 300_000;

test('this GPU is measured, the report copied and saved, and shown again after a reload', async ({
  studio,
  page,
  context,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.getByRole('link', { name: 'System', exact: true }).click();
  const benchmark = page.getByRole('region', { name: 'Benchmark', exact: true });
  await expect(benchmark.getByText('This is a software adapter')).toBeVisible();

  await benchmark.getByRole('button', { name: 'Benchmark this GPU' }).click();
  await expect(benchmark.getByText('1 of 18: multiply-add peak, f32')).toBeVisible();
  await expect(studio.jobs).toContainText('Benchmark');
  await expect(benchmark.getByText(/^4 of 18: 32×32×32.*training step$/)).toBeVisible({ timeout: MOST_MS });
  await expect(benchmark.getByText(/^\d+ %, about .* left$/)).toBeVisible();
  await expect(benchmark.getByRole('row', { name: /^forward/ })).toBeVisible();

  const copy = benchmark.getByRole('button', { name: 'Copy the benchmark' });
  await expect(copy).toBeVisible({ timeout: MOST_MS });
  const steps = benchmark.getByRole('row', { name: /^training step/ });
  await expect(steps.first()).toContainText('%');
  await expect(benchmark.getByRole('listitem').filter({ hasText: 'ResEnc M' })).toContainText(
    'no time: about',
  );
  await expect(studio.jobs).toContainText('Nothing is running');

  await copy.click();
  await expect(benchmark.getByRole('button', { name: 'Copied' })).toBeVisible();
  const text = await page.evaluate(() => navigator.clipboard.readText());
  for (const part of ['nnStudio benchmark', 'swiftshader', 'Multiply-add peak: ', 'Memory copy: ', 'Linux']) {
    expect(text).toContain(part);
  }
  expect(text).toMatch(/\| 32×32×32, features 8 to 16 +\| +1 \| training step \| +[\d.]+ \| +1\.\d+ \|/);
  const { file, name } = await studio.save('Save');
  expect(name).toMatch(/^nnstudio-benchmark-\d{4}-\d\d-\d\d\.md$/);
  expect(readFileSync(file, 'utf8')).toBe(text);

  await page.reload();
  await expect(benchmark.getByRole('row', { name: /^training step/ }).first()).toBeVisible();
  await copy.click();
  await expect(benchmark.getByRole('button', { name: 'Copied' })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(text);
  await expect(benchmark.getByRole('button', { name: 'Measure again' })).toBeEnabled();
});

test('a benchmark can be cancelled, asks for nothing on the network, and leaves the page responsive', async ({
  studio,
  page,
}) => {
  await page.getByRole('link', { name: 'System', exact: true }).click();
  const benchmark = page.getByRole('region', { name: 'Benchmark', exact: true });
  const start = benchmark.getByRole('button', { name: 'Benchmark this GPU' });
  await start.click();
  await expect(benchmark.getByText(/^3 of 18: 32×32×32.*forward$/)).toBeVisible({ timeout: MOST_MS });

  await benchmark.getByText('What the figures mean').click();
  await expect(benchmark.getByText('Measured, not from a data sheet')).toBeVisible();
  await page.getByRole('link', { name: 'Plan', exact: true }).click();
  await expect(benchmark).toHaveCount(0);
  await studio.jobs.getByRole('link', { name: 'Benchmark' }).click();

  await benchmark.getByRole('button', { name: 'Cancel' }).click();
  await expect(start).toBeEnabled();
  await expect(studio.jobs).toContainText('Nothing is running');
  await expect(benchmark.getByRole('table')).toHaveCount(0);
  expect(studio.requests).toEqual([]);
});

test('a benchmark waits for a training, says so, and a training waits for it', async ({
  studio: { page },
}) => {
  await page.evaluate(() => {
    void navigator.locks.request(
      'nnstudio-training',
      () => new Promise((end) => Object.assign(window, { end })),
    );
  });
  await page.getByRole('link', { name: 'System', exact: true }).click();
  const benchmark = page.getByRole('region', { name: 'Benchmark', exact: true });
  await benchmark.getByRole('button', { name: 'Benchmark this GPU' }).click();
  await expect(benchmark.getByText('Waiting until the GPU is free: it is training')).toBeVisible();
  await expect(benchmark.getByRole('link', { name: 'in another tab' })).toHaveAttribute('href', '#/train');
  await expect(benchmark.getByRole('button', { name: 'Cancel' })).toBeEnabled();

  await page.evaluate(() => (window as unknown as { end: () => void }).end());
  await expect(benchmark.getByText('1 of 18: multiply-add peak, f32')).toBeVisible();
  const canTrain = () =>
    page.evaluate(() =>
      navigator.locks.request('nnstudio-training', { ifAvailable: true }, (lock) => lock !== null),
    );
  expect(await canTrain()).toBe(false);
  await benchmark.getByRole('button', { name: 'Cancel' }).click();
  await expect.poll(canTrain).toBe(true);
});
