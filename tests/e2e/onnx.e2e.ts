import { threeClassNetwork, tinyOnnx } from '../support/onnxFiles';
import { phantomImage } from './files';
import { expect, test } from './studioPage';

test('an ONNX file of another network: a form asks what it takes, its card says what runs it, and it segments', async ({
  studio,
  workbench,
  page,
}) => {
  const elu = { operator: 'Elu', inputs: ['x'], outputs: ['h'] };
  const network = threeClassNetwork([elu], ['batch', 1, 'z', 'y', 'x']);
  const image = workbench.write('head_0000.nii.gz', await phantomImage());
  await studio.choose([image, workbench.write('tones.onnx', network)]);

  const form = page.getByRole('dialog', { name: 'Network inputs and outputs' });
  await form.getByRole('textbox', { name: 'Labels' }).fill('background, bright');
  await expect(form.getByRole('status')).toContainText('3 channels, and there are 2 labels');
  await expect(form.getByRole('button', { name: 'Add the network' })).toBeDisabled();
  await form.getByRole('textbox', { name: 'Labels' }).fill('background, bright, dark');
  await form.getByRole('textbox', { name: 'Patch' }).fill('8 32 32');
  const saved = page.waitForEvent('download');
  await form.getByRole('button', { name: 'Save as JSON' }).click();
  expect((await saved).suggestedFilename()).toBe('tones.json');
  await form.getByRole('button', { name: 'Add the network' }).click();

  const card = page.getByRole('article').filter({ hasText: 'tones' });
  await expect(card).toContainText('on the processor, by onnxruntime: our kernels do not know Elu');
  await card.getByRole('button', { name: 'Use' }).click();
  await expect(studio.panel).toContainText('our kernels do not know Elu');
  await studio.segment();
  await expect(studio.panel.getByRole('row', { name: /bright/ })).toBeVisible();
});

test('an exported ONNX file is a whole model, with nothing beside it', async ({ studio, workbench }) => {
  const { files } = await tinyOnnx({ folds: ['0', '1'] }, true);
  const image = workbench.write('head_0000.nii.gz', await phantomImage());
  await studio.choose([image, workbench.write('tiny.onnx', files[0].content)]);
  await studio.waitUntilShown();
  await expect(studio.panel).toContainText('2 folds');
  await studio.segment();
});
