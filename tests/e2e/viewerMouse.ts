// The mouse in the viewer: every journey that looks at an image uses it.
import { expect, type Locator, type Page } from '@playwright/test';

function readout(page: Page): Locator {
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

/** Window sizes, CSS pixels: a desktop, a small one, a phone, and the desktop and the small one at 200 %. */
const WINDOWS = [
  { width: 1024, height: 768 },
  { width: 390, height: 844 },
  { width: 720, height: 450 },
  { width: 512, height: 384 },
  { width: 1440, height: 900 },
];

/** No tool of the viewer is cut off or hidden behind another, whatever the window; ends in the first one's size. */
export async function expectToolbarWhole(page: Page): Promise<void> {
  const toolbar = page.getByRole('toolbar', { name: 'Viewer' });
  for (const size of WINDOWS) {
    await page.setViewportSize(size);
    await expect(async () =>
      expect(await toolbar.evaluate(faultsOf), `at ${size.width} pixels`).toEqual([]),
    ).toPass();
  }
}

/** In the page: tools that stick out of the toolbar or of the window, or overlap. */
function faultsOf(toolbar: Element): readonly string[] {
  const outer = toolbar.getBoundingClientRect();
  const tools = [...toolbar.children].map((tool) => ({
    name: tool.getAttribute('aria-label') ?? tool.textContent ?? '',
    box: tool.getBoundingClientRect(),
  }));
  const isOutside = ({ left, right, top, bottom }: DOMRect) =>
    left < outer.left ||
    right > outer.right ||
    top < outer.top ||
    bottom > outer.bottom ||
    right > innerWidth;
  const doOverlap = (a: DOMRect, b: DOMRect) =>
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  return tools.flatMap(({ name, box }, i) => [
    ...(isOutside(box) ? [`${name} is cut off`] : []),
    ...tools
      .slice(i + 1)
      .flatMap((other) => (doOverlap(box, other.box) ? [`${name} and ${other.name} overlap`] : [])),
  ]);
}
