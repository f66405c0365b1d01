import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { readNpz } from '@/core/io/npy';
import { memoryFile } from '@/core/io/sourceFile';
import { openZip } from '@/core/io/zip';
import { headerOf, labelsOf, shareOfEqualVoxels } from './compare';
import { phantomImage } from './files';
import { expect, test } from './studioPage';
import { expectMouseWorks, expectToolbarWhole } from './viewerMouse';

test('an image and a model zip give the file that the command gives', async ({ studio, workbench, page }) => {
  const image = workbench.write('in/head_0000.nii.gz', await phantomImage());
  // Random weights: fold 1 happens to draw several labels.
  const zip = await workbench.writeModelZip('tiny.zip', { folds: ['0', '1'] });
  await studio.choose([image, zip]);
  await studio.waitUntilShown();
  await page.getByRole('button', { name: /^Settings/ }).click();
  await page.getByRole('group', { name: 'Folds' }).getByText('0').click();
  await studio.turn(/Also keep probabilities/, true);
  await studio.segment();
  await expect(studio.segmentation).toContainText('organ');
  await expect(studio.segmentation).toContainText('fold 1,');
  await expectMouseWorks(page);
  await expectToolbarWhole(page);

  const output = path.join(workbench.folder, 'out');
  mkdirSync(output);
  const options = ['-i', path.dirname(image), '-o', output, '-m', zip, '-f', '1'];
  execFileSync(process.execPath, ['bin/nnstudio.mjs', 'predict', ...options], { stdio: 'ignore' });
  const expected = readFileSync(path.join(output, 'head.nii.gz'));
  const { file, name } = await studio.save('Save segmentation');
  expect(name).toBe('head.nii.gz');
  const saved = readFileSync(file);
  expect(headerOf(saved)).toEqual(headerOf(expected));
  expect(shareOfEqualVoxels(saved, expected)).toBeGreaterThanOrEqual(0.9998);
  expect(new Set(labelsOf(saved)).size).toBeGreaterThan(1);

  const probabilities = await studio.save('Save probabilities');
  const npz = await readNpz(readFileSync(probabilities.file));
  expect(npz.get('probabilities')?.shape).toEqual([3, 10, 34, 38]);
  expect(studio.requests).toEqual([]);
});

test('several cases queue up; all results come as one zip; a case can be cancelled', async ({
  studio,
  workbench,
  page,
}) => {
  const images = await Promise.all(
    [1, 2, 3].map(async (seed) => workbench.write(`case${seed}_0000.nii.gz`, await phantomImage(seed))),
  );
  await studio.choose(images);
  await studio.waitUntilShown();
  await studio.choose(await workbench.writeModel('model'), 'Choose a folder');
  await page.getByRole('button', { name: 'More cases' }).click();
  await page.getByRole('menuitem', { name: 'Segment all 3' }).click();
  await page.getByRole('button', { name: 'Cancel case3' }).click();
  const cases = page.getByRole('region', { name: 'Cases' });
  await expect(cases.getByRole('listitem').filter({ hasText: 'case3' })).toContainText('cancelled');
  await expect(studio.jobs).toContainText('2 finished segmentations', { timeout: 600_000 });

  // The last of the images is shown; then another one, which has a result; then after another place.
  await expectMouseWorks(page);
  await cases.getByRole('link', { name: 'case1' }).click();
  await expect(page.getByLabel('Slices of case1')).toBeVisible();
  await expect(studio.segmentation).toBeVisible();
  await expectMouseWorks(page);
  await page.getByRole('link', { name: 'Models' }).click();
  await page.getByRole('link', { name: 'Segment', exact: true }).click();
  await studio.waitUntilShown();
  await expectMouseWorks(page);

  const { file, name } = await studio.save('Save all 2');
  expect(name).toBe('segmentations.zip');
  const saved = await openZip(memoryFile(readFileSync(file), name));
  expect(saved.map((entry) => entry.path).sort()).toEqual(['case1.nii.gz', 'case2.nii.gz']);
});

test('a running case stops when cancelled, and can be run again', async ({ studio, workbench, page }) => {
  const image = workbench.write('big_0000.nii.gz', await phantomImage(1, [24, 96, 96]));
  await studio.choose([image, await workbench.writeModelZip('tiny.zip')]);
  await studio.waitUntilShown();
  await studio.panel.getByRole('button', { name: 'Segment', exact: true }).click();
  await expect(studio.jobs).toContainText('Segmenting', { timeout: 400_000 });
  await studio.jobs.getByRole('button', { name: 'Cancel big' }).click();
  await expect(page.getByRole('region', { name: 'Cases' })).toContainText('cancelled');
  await expect(studio.panel.getByRole('button', { name: 'Segment', exact: true })).toBeEnabled();
});

test('a model for another number of channels says why it does not fit', async ({ studio, workbench }) => {
  const image = workbench.write('head.nii.gz', await phantomImage());
  const dataset = {
    channel_names: { 0: 'T1', 1: 'FLAIR' },
    labels: { background: 0, organ: 1, lesion: 2 },
    file_ending: '.nii.gz',
    numTraining: 4,
  };
  await studio.choose([image, await workbench.writeModelZip('two.zip', { dataset })]);
  await studio.waitUntilShown();
  await expect(studio.panel).toContainText(
    'It needs 2 channels: T1 (_0000), FLAIR (_0001). This image has 1.',
  );
  await expect(studio.panel.getByRole('button', { name: 'Segment', exact: true })).toBeDisabled();
});

/** What the page may compute at a stretch, ms of the processor: a person notices a tenth of a second. */
const LONGEST_TASK_MS = 100;

/** One event of a Chrome trace; times in µs, `tdur` is what the thread computed, without its waits. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

test('the page stays responsive during a prediction', async ({ studio, workbench, page, browser }) => {
  const image = workbench.write('head_0000.nii.gz', await phantomImage(1, [16, 64, 64]));
  await studio.choose([image, await workbench.writeModelZip('tiny.zip')]);
  await studio.waitUntilShown();
  await browser.startTracing(page, { categories: ['disabled-by-default-devtools.timeline', '__metadata'] });
  await studio.panel.getByRole('button', { name: 'Segment', exact: true }).click();
  await expect(studio.jobs).toContainText('finished', { timeout: 400_000 });
  const { traceEvents }: { traceEvents: TraceEvent[] } = JSON.parse(String(await browser.stopTracing()));
  const threadOf = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`;
  const mains = new Set(traceEvents.filter(({ args }) => args?.name === 'CrRendererMain').map(threadOf));
  // A software GPU shares its cores with the page: by the clock, a frame that waits for it would count as the page's work.
  const tasks = traceEvents.filter((event) => event.name === 'RunTask' && mains.has(threadOf(event)));
  // Only a task that lies whole in the recording has a duration.
  const computed = tasks.flatMap(({ tdur }) => (tdur === undefined ? [] : [tdur / 1000]));
  expect(computed.length).toBeGreaterThan(100);
  const longest = Math.max(...computed);
  test.info().annotations.push({ type: 'longest main-thread task, ms', description: longest.toFixed(0) });
  expect(longest).toBeLessThanOrEqual(LONGEST_TASK_MS);
});
