// Evaluate, as a person uses it.
import { expect, type Locator, type Page } from '@playwright/test';

export class EvaluatePage {
  readonly page: Page;
  readonly means: Locator;
  readonly cases: Locator;

  constructor(page: Page) {
    this.page = page;
    this.means = page.getByRole('table', { name: 'Means' });
    this.cases = page.getByRole('table', { name: 'Cases' });
  }

  async open(): Promise<void> {
    await this.page.getByRole('link', { name: 'Models' }).click();
    await this.page.getByRole('link', { name: 'Evaluate' }).click();
    await expect(this.side('Predictions')).toBeVisible();
  }

  /** Where the files of one side are dropped. */
  side(name: 'Predictions' | 'References' | 'Images'): Locator {
    return this.page.getByRole('group', { name, exact: true });
  }

  /** Drops a folder from the disk on one side. */
  async drop(name: 'Predictions' | 'References' | 'Images', folder: string): Promise<void> {
    const box = await this.side(name).boundingBox();
    if (!box) throw new Error(`${name} is not on the page`);
    const session = await this.page.context().newCDPSession(this.page);
    const data = { items: [], files: [folder], dragOperationsMask: 1 };
    const [x, y] = [box.x + box.width / 2, box.y + 12];
    // The browser drops only where a move was welcome, which it learns with the next one.
    for (const type of ['dragEnter', 'dragOver', 'dragOver', 'drop'] as const) {
      await session.send('Input.dispatchDragEvent', { type, x, y, data });
    }
    await session.detach();
    await expect(this.side(name)).toContainText('files');
  }

  /** The first row's cells of a table of cases. */
  async worst(): Promise<readonly string[]> {
    return this.cases.getByRole('row').nth(1).getByRole('cell').allInnerTexts();
  }

  /** Saves what a menu item offers; returns the file on disk. */
  async save(item: string): Promise<string> {
    await this.page.getByRole('button', { name: 'Save', exact: true }).click();
    const downloading = this.page.waitForEvent('download');
    await this.page.getByRole('menuitem', { name: new RegExp(`^${item}`) }).click();
    return (await downloading).path();
  }
}
