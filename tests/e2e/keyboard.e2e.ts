import { phantomImage } from './files';
import { expect, test } from './studioPage';

test('everything is reached by Tab, has a name and shows the focus', async ({ studio, workbench, page }) => {
  const image = workbench.write('head_0000.nii.gz', await phantomImage());
  await studio.choose([image, await workbench.writeModelZip('tiny.zip')]);
  await studio.waitUntilShown();
  const seen = new Set<string>();
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(() => {
      const element = document.activeElement;
      if (!(element instanceof HTMLElement) || element === document.body) return undefined;
      const labelled = element.getAttribute('aria-labelledby');
      const label =
        element.getAttribute('aria-label') ||
        (labelled && document.getElementById(labelled)?.textContent) ||
        ('labels' in element && (element.labels as NodeListOf<HTMLElement> | null)?.[0]?.textContent) ||
        element.textContent;
      // Radio buttons of a segmented control draw the focus on their label.
      const drawn = element.matches('input') ? (element.nextElementSibling ?? element) : element;
      const { outlineStyle, outlineWidth } = getComputedStyle(drawn);
      const own = getComputedStyle(element);
      const hasFocusMark =
        [outlineStyle, own.outlineStyle].some((style) => style !== 'none') || outlineWidth !== '0px';
      return { label: label?.trim() ?? '', tag: element.outerHTML.slice(0, 160), hasFocusMark };
    });
    if (!stop) break;
    expect(stop.label, `name of ${stop.tag}`).not.toBe('');
    expect(stop.hasFocusMark, `focus mark of ${stop.tag}`).toBe(true);
    seen.add(stop.label);
  }
  for (const name of ['Segment', 'Models', 'System', 'Help', 'Play the slices', 'Remove head']) {
    expect([...seen]).toContain(name);
  }
});

test('keys move slices, hide the segmentation and list themselves', async ({ studio, workbench, page }) => {
  const image = workbench.write('head_0000.nii.gz', await phantomImage());
  await studio.choose([image, await workbench.writeModelZip('tiny.zip')]);
  await studio.waitUntilShown();
  await studio.segment();
  await page.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.blur());
  const readout = page.getByRole('region', { name: 'Under the crosshair' });
  const voxelZ = async () => Number(/voxel\s*\d+, \d+, (\d+)/.exec((await readout.textContent()) ?? '')?.[1]);
  const before = await voxelZ();
  await page.keyboard.press('ArrowUp');
  expect(await voxelZ()).toBe(before + 1);
  await page.keyboard.press('ArrowDown');
  expect(await voxelZ()).toBe(before);

  const eye = page.getByRole('button', { name: 'Show the segmentation' });
  await page.keyboard.press('o');
  await expect(eye).toHaveAttribute('aria-pressed', 'false');
  await page.keyboard.press('o');
  await expect(eye).toHaveAttribute('aria-pressed', 'true');
  await page.keyboard.press('1');
  await expect(readout).toContainText('organ');
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Help' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog', { name: 'Help' })).toBeHidden();
});
