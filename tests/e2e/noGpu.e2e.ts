import { phantomImage } from './files';
import { expect, test } from './studioPage';

test.use({
  launchOptions: async ({ launchOptions }, use) => {
    const args = (launchOptions.args ?? []).filter((arg) => !/webgpu/.test(arg));
    await use({
      ...launchOptions,
      args: [...args, '--disable-features=WebGPU', '--disable-blink-features=WebGPU'],
    });
  },
});

test('without WebGPU the page says so, names browsers and flags, and computes on the processor once told to', async ({
  studio,
  workbench,
  page,
}) => {
  const notice = page.getByRole('alert').filter({ hasText: 'no access to a GPU' });
  await expect(notice).toContainText('Chrome or Edge');
  await expect(notice).toContainText('chrome://flags/#enable-unsafe-webgpu');
  await expect(notice).toContainText('on the processor');
  const image = workbench.write('head_0000.nii.gz', await phantomImage());
  await studio.choose([image, await workbench.writeModelZip('tiny.zip')]);
  await studio.waitUntilShown();
  const segment = studio.panel.getByRole('button', { name: 'Segment', exact: true });
  await expect(segment).toBeDisabled();

  await studio.panel.getByRole('button', { name: 'Compute on the processor' }).click();
  await expect(notice).toBeHidden();
  await expect(studio.panel).toContainText(/About .+: the network runs \d+ times?, .+ each, measured here/);
  await studio.segment();
  await expect(studio.panel.getByRole('button', { name: 'Save segmentation' })).toBeVisible();
});
