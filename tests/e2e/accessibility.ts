// Checks a page with axe-core, in the dark and the light theme.

import { expect, type Page } from '@playwright/test';
import axe from 'axe-core';

declare global {
  interface Window {
    /** Put there by `check`. */
    axe: typeof axe;
  }
}

/** Shown while what belongs to the place is still on its way. */
const UNFINISHED = ['Loading the image', 'Cases drawn'].map((name) => `[aria-label="${name}"]`).join();

const COLOR_RULES = ['color-contrast', 'link-in-text-block'];

/** What is wrong, a line each: where, theme, rule, and the elements it is about. */
export class AccessibilityCheck {
  readonly violations: string[] = [];
  readonly #page: Page;
  #theme: 'dark' | 'light' = 'dark';

  constructor(page: Page) {
    this.#page = page;
  }

  /**
   * Checks all rules of axe-core, best practice included, on what is shown now, and in the other theme those about
   * colours: nothing else differs there. `within` narrows it to a part of the page.
   */
  async check(where: string, within = 'html'): Promise<void> {
    await expect(this.#page.locator(UNFINISHED)).toHaveCount(0);
    if (!(await this.#page.evaluate(() => 'axe' in window))) await this.#page.evaluate(axe.source);
    await this.#checkTheme(where, within);
    this.#theme = this.#theme === 'dark' ? 'light' : 'dark';
    await this.#checkTheme(where, within, COLOR_RULES);
  }

  /** Checks some rules; all that axe-core has on, if none is named. */
  async #checkTheme(where: string, within: string, rules?: readonly string[]): Promise<void> {
    const colorScheme = this.#theme;
    await this.#page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await this.#page.locator(`html[data-mantine-color-scheme=${colorScheme}]`).waitFor();
    const found = await this.#page.evaluate(
      async ([part, only]) => {
        const ending = document
          .getAnimations()
          .filter(({ effect }) => Number.isFinite(effect?.getComputedTiming().endTime));
        await Promise.allSettled(ending.map(({ finished }) => finished)); // colours on their way are nobody's
        const { violations } = await window.axe.run(part, {
          resultTypes: ['violations'],
          ...(only && { runOnly: [...only] }),
        });
        return violations.map(({ id, help, nodes }) => {
          const elements = nodes
            .slice(0, 3)
            .map(({ html, any }) => `${html.slice(0, 160)} ${any[0]?.message ?? ''}`);
          return `${id}: ${help} (${nodes.length} times)\n    ${elements.join('\n    ')}`;
        });
      },
      [within, rules] as const,
    );
    this.violations.push(...found.map((violation) => `${where}, ${colorScheme}: ${violation}`));
  }
}
