import { addProblems } from '@/app/files/addFiles';
import type { Studio } from '@/app/studio';
import { sniff } from '@/core/io/sniff';
import { browserFile } from '@/core/io/sourceFile';
import { messageOf } from '@/shared/errors';
import type { GivenFile } from '@/workers/files/api';
import type { PlansEntry } from './plansStore';

/** What became of files that may be plans. */
export interface AddedPlans {
  readonly entries: readonly PlansEntry[];
  /** Files that are something else. */
  readonly rest: readonly GivenFile[];
}

/**
 * Keeps plans files that were given by themselves; among the files of a model or dataset they belong to that. Plans that
 * cannot be read become a problem on the page.
 */
export async function addPlans(
  studio: Pick<Studio, 'plans' | 'selection'>,
  files: readonly GivenFile[],
): Promise<AddedPlans> {
  // One file alone is looked into whatever it is called.
  if (files.length !== 1 && !files.every(({ path }) => /\.json$/i.test(path))) {
    return { entries: [], rest: files };
  }
  const entries: PlansEntry[] = [];
  const rest: GivenFile[] = [];
  for (const file of files) {
    if ((await sniff(browserFile(file.content, file.path))) !== 'nnunet-plans') {
      rest.push(file);
      continue;
    }
    try {
      entries.push(await studio.plans.add(await file.content.text(), nameOf(file)));
    } catch (error) {
      const name = error instanceof Error ? error.name : 'Error';
      addProblems(studio, [{ path: file.path, name, message: messageOf(error) }]);
    }
  }
  return { entries, rest };
}

function nameOf({ path }: GivenFile): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
