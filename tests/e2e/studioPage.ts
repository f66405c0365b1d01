// The studio as a person uses it, for the journeys.
import { test as base, expect, type Locator, type Page } from '@playwright/test';
import { Workbench } from './files';

/** `test` with a folder for files, and with the page's own errors as failures. */
export const test = base.extend<{ workbench: Workbench; studio: StudioPage }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from this pattern
  workbench: async ({}, use) => {
    const workbench = new Workbench();
    await use(workbench);
    workbench.remove();
  },
  studio: async ({ page }, use) => {
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    const studio = new StudioPage(page);
    await studio.open();
    await use(studio);
    expect(studio.requests, 'requests since load').toEqual([]);
    const surprises = errors.filter((error) => !studio.expectedError?.test(error));
    expect(surprises, 'errors in the console').toEqual([]);
  },
});

export class StudioPage {
  readonly page: Page;
  readonly jobs: Locator;
  readonly panel: Locator;
  /**
   * Every request over the network of the page and of all its workers, but those of loading: from when the page is opened or
   * reloaded until it has all it needs. Blobs and data addresses lie in memory.
   */
  readonly requests: string[] = [];
  private isLoading = true;

  /** What the console may say because a test provokes it. */
  expectedError: RegExp | undefined;

  constructor(page: Page) {
    this.page = page;
    this.jobs = page.getByRole('region', { name: 'Jobs' });
    this.panel = page.getByRole('complementary', { name: 'Case' });
    page.on('request', (request) => {
      if (request.isNavigationRequest()) this.followLoading();
      if (!this.isLoading && /^(https?|wss?):/.test(request.url())) this.requests.push(request.url());
    });
  }

  private followLoading(): void {
    this.isLoading = true;
    const loaded = this.page.locator('[data-load="complete"]').waitFor({ state: 'attached' });
    loaded.then(
      () => {
        this.isLoading = false;
      },
      () => undefined, // the journey ends, or loads the page again
    );
  }

  /** Loads the page and waits until everything it needs is there. */
  async open(address = './'): Promise<void> {
    await this.page.goto(address);
    await expect(this.page.getByRole('navigation', { name: 'Places' })).toBeVisible();
    await this.waitUntilLoaded();
  }

  /** Until nnStudio needs nothing more from where it is served. */
  async waitUntilLoaded(): Promise<void> {
    await expect(this.page.locator('[data-load="complete"]')).toBeVisible();
  }

  /** Gives files to the picker of the place that is shown. */
  async choose(files: string | readonly string[], label = 'Choose files'): Promise<void> {
    await this.page
      .getByLabel(label, { exact: true })
      .first()
      .setInputFiles(typeof files === 'string' ? files : [...files]);
  }

  /** Drops files or folders from the disk on the page, as a file manager would. */
  async drop(...files: readonly string[]): Promise<void> {
    const session = await this.page.context().newCDPSession(this.page);
    const data = { items: [], files: [...files], dragOperationsMask: 1 };
    const drag = (type: 'dragEnter' | 'dragOver' | 'drop') =>
      session.send('Input.dispatchDragEvent', { type, x: 700, y: 450, data });
    await drag('dragEnter');
    await expect(this.page.getByText('Everything stays on this computer')).toBeVisible();
    // The browser drops only where a move was welcome, which it learns with the next one.
    await drag('dragOver');
    await drag('dragOver');
    await drag('drop');
    await session.detach();
  }

  async waitUntilShown(): Promise<void> {
    await expect(this.page.getByRole('region', { name: 'Under the crosshair' })).toContainText('intensity');
  }

  /** Starts the chosen model and waits for the labels. */
  async segment(): Promise<void> {
    await this.panel.getByRole('button', { name: /^Segment( again)?$/ }).click();
    await expect(this.segmentation).toBeVisible({ timeout: 600_000 });
    await expect(this.jobs).toContainText('finished segmentation', { timeout: 600_000 });
  }

  get segmentation(): Locator {
    return this.page.getByRole('region', { name: 'Segmentation' });
  }

  /** Turns a switch on or off by its label, which is clicked once it stands still: what unfolds above moves it. */
  async turn(name: RegExp, isOn: boolean): Promise<void> {
    const control = this.page.getByRole('switch', { name });
    if ((await control.isChecked()) !== isOn) {
      await this.page.locator('label').filter({ hasText: name }).click();
    }
    await expect(control).toBeChecked({ checked: isOn });
  }

  /** Presses a button that saves; returns where the file is, and its name. */
  async save(button: string | RegExp): Promise<{ file: string; name: string }> {
    const downloading = this.page.waitForEvent('download');
    await this.page.getByRole('button', { name: button }).click();
    const download = await downloading;
    return { file: await download.path(), name: download.suggestedFilename() };
  }
}

export { expect };
