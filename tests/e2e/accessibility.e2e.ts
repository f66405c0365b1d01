// No place and no dialog has anything that axe-core objects to, in either theme.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { PLACES, type Place } from '@/ui/placeNames';
import { AccessibilityCheck } from './accessibility';
import { fillStudio, open } from './filledStudio';
import * as body from './manyLabels';
import { expect, type StudioPage, test } from './studioPage';

/** What each place shows besides its own address, once there is something in it. */
const PAGES: Readonly<Record<Place, readonly string[]>> = {
  segment: ['failed-case', 'segmented-case'],
  data: ['Dataset118_Broken', body.DATASET, `${body.DATASET}/${body.CASES[0]}`],
  plan: [body.DATASET],
  train: ['run-2', 'run-3', 'run-1', `run-1/${body.CASES[0]}`],
  models: [],
  evaluate: ['evaluation-1', `evaluation-1/${body.CASES[0]}`],
  choose: [body.DATASET],
  system: [],
};

/** Every dialog by the file that draws it, and how a person opens it. */
const DIALOGS: Readonly<Record<string, (studio: StudioPage) => Promise<void>>> = {
  'shell/ShortcutsDialog': ({ page }) => page.getByRole('button', { name: 'Help' }).click(),
  'data/RemoveDialog': async ({ page }) => {
    await open(page, `data/${body.DATASET}`);
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Remove the dataset' }).click();
  },
  'data/PreprocessButton': async ({ page }) => {
    await open(page, `data/${body.DATASET}`);
    await page.getByRole('button', { name: /^Preprocess/ }).click();
  },
  'data/NameConflictDialog': async (studio) => {
    await open(studio.page, 'data');
    await studio.drop(`${bench}/${body.DATASET}`);
  },
  'data/PairsDialog': async (studio) => {
    await open(studio.page, 'data');
    await studio.drop(`${bench}/brains`);
  },
  'data/LabelsDialog': async (studio) => {
    await open(studio.page, `data/${body.DATASET}`);
    await studio.drop(`${bench}/${body.DATASET}/labelsTr`);
  },
  'data/UnlabelledDialog': async (studio) => {
    await open(studio.page, 'data');
    await studio.drop(`${bench}/imagesTr`);
  },
  'plan/NewPlansDialog': async ({ page }) => {
    await open(page, `plan/${body.DATASET}`);
    await page.getByRole('button', { name: 'New plans' }).click();
  },
  'plan/MoveDialog': async ({ page }) => {
    await open(page, `plan/${body.DATASET}`);
    await page.getByRole('button', { name: 'Use for another dataset' }).click();
  },
  'plan/RemoveDialog': async ({ page }) => {
    await open(page, `plan/${body.DATASET}`);
    await page.getByRole('button', { name: /^Delete nnUNetPlans/ }).click();
  },
  'plan/PatchOverCase': async ({ page }) => {
    await open(page, `plan/${body.DATASET}`);
    await page.getByRole('button', { name: 'Show over a case' }).first().click();
  },
  'train/NewTrainingDialog': async ({ page }) => {
    await open(page, 'train/run-1');
    await page.getByRole('button', { name: 'New training' }).click();
  },
  'train/LengthDialog': async ({ page }) => {
    await open(page, 'train/run-1');
    await page.getByRole('button', { name: 'More about this training' }).click();
    await page.getByRole('menuitem', { name: /^Change length/ }).click();
  },
  'train/ClusterDialog': async ({ page }) => {
    await open(page, 'train/run-1');
    await page.getByRole('button', { name: 'More about this training' }).click();
    await page.getByRole('menuitem', { name: /cluster/ }).click();
  },
  'train/RemoveRunDialog': async ({ page }) => {
    await open(page, 'train/run-1');
    await page.getByRole('button', { name: 'More about this training' }).click();
    await page.getByRole('menuitem', { name: /Remove/ }).click();
  },
  'models/BundleDialog': async ({ page }) => {
    await open(page, 'models');
    await page
      .getByRole('button', { name: /^More about/ })
      .first()
      .click();
    await page.getByRole('menuitem', { name: /One file to share/ }).click();
  },
  'models/NetworkDialog': async (studio) => {
    await open(studio.page, 'models');
    await studio.choose(`${bench}/tones.onnx`);
  },
};

/** What opens beside dialogs: the place, what to press, and the part of the page that appears. */
const POPUPS: readonly (readonly [
  address: string,
  role: 'button' | 'combobox',
  name: RegExp,
  part: string,
])[] = [
  ['segment', 'button', /^L /, '[role=dialog]'],
  ['segment', 'button', /^Rename /, '[aria-label=Cases]'],
  [`data/${body.DATASET}`, 'button', /^Rename /, 'main'],
  ['models', 'button', /^Rename /, 'main'],
  ['segment', 'button', /^Settings/, '[aria-label=Model]'],
  ['segment', 'button', /^Colour of structure_001/, '[role=dialog]'],
  ['segment', 'combobox', /^Model$/, '[role=listbox]'],
  ['models', 'button', /^More about/, '[role=menu]'],
  ['evaluate/evaluation-1', 'button', /^Save$/, '[role=menu]'],
];

/** Folder of the journey's files. */
let bench = '';

test('no place and no dialog has anything axe-core objects to, in either theme', async ({
  studio,
  workbench,
}) => {
  const { page } = studio;
  bench = workbench.folder;
  const axe = new AccessibilityCheck(page);
  for (const { name: place } of PLACES) {
    await open(page, place);
    await axe.check(`${place}, empty`);
  }

  await fillStudio(studio, workbench);
  for (const { name: place } of PLACES) {
    for (const item of ['', ...PAGES[place]]) {
      await open(page, item ? `${place}/${item}` : place);
      await axe.check(item ? `${place}/${item}` : place);
    }
  }
  await open(page, `data/${body.DATASET}`);
  for (const tab of await page.getByRole('tab').all()) {
    await tab.click();
    await axe.check(`data, ${await tab.innerText()}`);
  }
  await open(page, `plan/${body.DATASET}`);
  for (const mode of ['Edit', 'Compare', 'JSON']) {
    await page.getByText(mode, { exact: true }).click();
    await axe.check(`plan, ${mode}`);
  }

  for (const [address, role, name, part] of POPUPS) {
    await open(page, address);
    const opener = page.getByRole(role, { name }).first();
    await expect(opener).toBeEnabled();
    await opener.press(role === 'button' ? 'Enter' : 'ArrowDown');
    await axe.check(`${address}, ${name}`, part);
    await page.keyboard.press('Escape');
    await expect(opener, `${name} has the focus again`).toBeFocused();
  }
  for (const [file, openDialog] of Object.entries(DIALOGS)) {
    await openDialog(studio);
    await expect(page.getByRole('dialog')).toBeVisible();
    await axe.check(file, '[role=dialog]');
    await page.keyboard.press('Escape');
    await expect(page.getByRole('dialog')).toHaveCount(0);
  }
  await open(page, 'models');
  await page
    .getByRole('button', { name: /^More about/ })
    .first()
    .click();
  await page.getByRole('menuitem', { name: 'Remove' }).click();
  await expect(page.getByRole('button', { name: 'Undo' })).toBeVisible();
  await axe.check('a notice');
  await open(page, 'segment');
  await studio.drop(workbench.write('notes.txt', 'nothing to see'));
  await expect(page.getByRole('alert', { name: 'Not imported' })).toBeVisible();
  await axe.check('a problem');
  expect(axe.violations, axe.violations.join('\n')).toEqual([]);
});

test('every dialog of the studio is among those that are checked', () => {
  const root = 'src/ui';
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.tsx'),
  );
  const dialogs = files.filter((file) =>
    /<(Modal|Drawer)\b/.test(readFileSync(path.join(root, file), 'utf8')),
  );
  expect(dialogs.map((file) => file.replace(/\.tsx$/, '')).sort()).toEqual(Object.keys(DIALOGS).sort());
});
