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

test('without WebGPU the page says so, names browsers and flags, and still shows images', async ({
  studio,
  workbench,
  page,
}) => {
  const notice = page.getByRole('alert').filter({ hasText: 'no access to a GPU' });
  await expect(notice).toContainText('Chrome or Edge');
  await expect(notice).toContainText('chrome://flags/#enable-unsafe-webgpu');
  await expect(notice).toContainText('ONNX');
  const image = workbench.write('head_0000.nii.gz', await phantomImage());
  await studio.choose([image, await workbench.writeModelZip('tiny.zip')]);
  await studio.waitUntilShown();
  await expect(studio.panel.getByRole('button', { name: 'Segment', exact: true })).toBeDisabled();
});
