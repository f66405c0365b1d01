// What a person does with plans, and what they are told.
import { notifications } from '@mantine/notifications';
import { addProblems } from '@/app/files/addFiles';
import { examplePlans } from '@/app/plan/examplePlans';
import type { PlansEntry } from '@/app/plan/plansStore';
import type { Studio } from '@/app/studio';
import { messageOf } from '@/shared/errors';
import { saveFile } from '../files/saveFile';
import { goTo } from '../route';
import { offerUndo } from '../studioActions';

/** Keeps plans files and shows the last of them. A file that is none becomes a problem on the page. */
export async function importPlans(studio: Studio, files: readonly File[]): Promise<void> {
  const given = await Promise.all(
    files.map(async (file) => ({ text: await file.text(), fileName: file.name })),
  );
  for (const one of given) await keepAndShow(studio, one);
}

/** Plans to look at where there are none. */
export function showExample(studio: Studio): Promise<void> {
  return keepAndShow(studio, examplePlans());
}

async function keepAndShow(
  studio: Studio,
  { text, fileName }: { readonly text: string; readonly fileName: string },
): Promise<void> {
  try {
    showPlans(await studio.plans.add(text, fileName));
  } catch (error) {
    const name = error instanceof Error ? error.name : 'Error';
    addProblems(studio, [{ path: fileName, name, message: messageOf(error) }]);
  }
}

export function showPlans({ id }: PlansEntry): void {
  goTo('plan', id);
}

/** The file as it is. */
export function downloadPlans({ plansName, text }: PlansEntry): void {
  saveFile({ name: `${plansName}.json`, content: new Blob([text], { type: 'application/json' }) });
}

export async function removePlans(studio: Studio, entry: PlansEntry): Promise<void> {
  await studio.plans.remove(entry);
  goTo('plan');
  if (await offerUndo(notifications, `${entry.plansName} removed`)) await studio.plans.restore(entry);
}
