import { phantomImage } from './files';
import { expect, test } from './studioPage';

test('when the storage is full, the message says what to delete and nothing half-written stays', async ({
  studio,
  workbench,
  page,
}) => {
  await studio.choose(workbench.write('head_0000.nii.gz', await phantomImage()));
  await studio.waitUntilShown();
  const devtools = await page.context().newCDPSession(page);
  const origin = new URL(page.url()).origin;
  await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1000 });
  await studio.choose(workbench.write('late_0000.nii.gz', await phantomImage(2, [30, 90, 90])));
  const alert = page.getByRole('alert').filter({ hasText: 'Not imported' });
  await expect(alert).toContainText(
    /no room for late_0000\.nii\.gz.* nothing of it was kept\. Remove datasets, models/,
  );
  await expect(page.getByRole('region', { name: 'Cases' }).getByRole('listitem')).toHaveCount(1);

  await devtools.send('Storage.overrideQuotaForOrigin', { origin });
  await page.reload();
  await studio.waitUntilShown();
  const left = await page.evaluate(async () => {
    const names: string[] = [];
    const cases = await (await navigator.storage.getDirectory()).getDirectoryHandle('cases');
    for await (const name of cases.keys()) names.push(name);
    return names.length;
  });
  expect(left).toBe(1);
});

test('a case whose GPU device is lost in the middle begins again on a new one', async ({
  studio,
  workbench,
  page,
  browser,
}) => {
  const image = workbench.write('head_0000.nii.gz', await phantomImage(1, [24, 96, 96]));
  await studio.choose([image, await workbench.writeModelZip('tiny.zip')]);
  await studio.waitUntilShown();
  await page.getByRole('button', { name: /^Settings/ }).click();
  await studio.turn(/^Mirroring/, false);
  await studio.panel.getByRole('button', { name: 'Segment', exact: true }).click();
  await expect(studio.jobs).toContainText('Segmenting', { timeout: 400_000 });

  studio.expectedError = /A valid external Instance reference no longer exists/; // the browser's own words on it
  const devtools = await browser.newBrowserCDPSession();
  await devtools.send('Browser.crashGpuProcess');
  await expect(studio.jobs).toContainText('restarted on a new GPU device', { timeout: 400_000 });
  await expect(studio.segmentation).toContainText('restarted once after GPU loss', {
    timeout: 600_000,
  });
});
