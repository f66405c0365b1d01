// The mouse in the viewer: every journey that looks at an image uses it.
import { expect, type Locator, type Page } from '@playwright/test';

export function readout(page: Page): Locator {
  return page.getByRole('region', { name: 'Under the crosshair' });
}

/** Does something, and waits for the text to become another one. */
async function expectToChange(what: string, text: Locator, act: () => Promise<void>): Promise<void> {
  const before = (await text.textContent()) ?? '';
  await act();
  await expect(text, what).not.toHaveText(before);
}

/** A place in a plane, as shares of its width and height. */
async function placeIn(plane: Locator, right: number, down: number): Promise<readonly [number, number]> {
  const box = await plane.boundingBox();
  if (!box) throw new Error('the viewer shows no plane');
  return [box.x + right * box.width, box.y + down * box.height];
}

/**
 * Clicks, turns the wheel and drags with both buttons in the first plane on screen, and expects the read-out to follow
 * each, and the window the right button.
 */
export async function expectMouseWorks(page: Page): Promise<void> {
  const plane = page.locator('[data-plane]').first();
  await expect(plane).toBeVisible();
  const under = readout(page);
  await expect(under).toContainText('intensity');
  const isPicture = ((await under.textContent()) ?? '').startsWith('pixel');
  const isColor = (await page.getByRole('button', { name: /^L / }).count()) === 0;

  await page.mouse.click(...(await placeIn(plane, 0.2, 0.8)));
  await expectToChange('a click moves the crosshair', under, async () =>
    page.mouse.click(...(await placeIn(plane, 0.4, 0.35))),
  );
  if (!isPicture) {
    await expectToChange('the wheel moves through the slices', under, () => page.mouse.wheel(0, 100));
  }
  await expectToChange('dragging moves the crosshair', under, async () => {
    await page.mouse.down();
    await page.mouse.move(...(await placeIn(plane, 0.65, 0.6)), { steps: 2 });
    await page.mouse.up();
  });
  if (isColor) return;
  await expectToChange(
    'the right button drags the window',
    page.getByRole('button', { name: /^L / }),
    async () => {
      await page.mouse.down({ button: 'right' });
      await page.mouse.move(...(await placeIn(plane, 0.5, 0.5)), { steps: 2 });
      await page.mouse.up({ button: 'right' });
    },
  );
}
