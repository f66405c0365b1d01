// Checks a page with axe-core, in the dark and the light theme.

import type { Page } from '@playwright/test';
import axe from 'axe-core';

declare global {
  interface Window {
    /** Put there by `check`. */
    axe: typeof axe;
  }
}

/** What is wrong, a line each: where, theme, rule, and the elements it is about. */
export class AccessibilityCheck {
  readonly violations: string[] = [];
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Checks all rules of axe-core, best practice included, on what is shown now; `within` narrows it to a part of the page. */
  async check(where: string, within = 'html'): Promise<void> {
    await this.#page.evaluate(axe.source);
    for (const colorScheme of ['dark', 'light'] as const) {
      await this.#page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await this.#page.locator(`html[data-mantine-color-scheme=${colorScheme}]`).waitFor();
      const found = await this.#page.evaluate(async (part) => {
        const ending = document
          .getAnimations()
          .filter(({ effect }) => Number.isFinite(effect?.getComputedTiming().endTime));
        await Promise.allSettled(ending.map(({ finished }) => finished)); // colours on their way are nobody's
        const { violations } = await window.axe.run(part, { resultTypes: ['violations'] });
        return violations.map(({ id, help, nodes }) => {
          const elements = nodes
            .slice(0, 3)
            .map(({ html, any }) => `${html.slice(0, 160)} ${any[0]?.message ?? ''}`);
          return `${id}: ${help} (${nodes.length} times)\n    ${elements.join('\n    ')}`;
        });
      }, within);
      this.violations.push(...found.map((violation) => `${where}, ${colorScheme}: ${violation}`));
    }
  }
}
