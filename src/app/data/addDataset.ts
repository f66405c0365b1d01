import { addProblems } from '@/app/files/addFiles';
import type { Studio } from '@/app/studio';
import { isAbort, messageOf, StudioError } from '@/shared/errors';
import { formatBytes } from '@/shared/numeric';
import type { LabelsChoice, PairsFacts } from '@/workers/data/api';
import type { GivenFile } from '@/workers/files/api';

/** What became of files that may be training data. */
export type DatasetOutcome =
  | { readonly status: 'imported'; readonly name: string }
  /** A form or a question waits for an answer under Data. */
  | { readonly status: 'asking' }
  /** Cancelled, or a problem is on the page. */
  | { readonly status: 'stopped' }
  | { readonly status: 'no dataset' };

export interface AddDatasetOptions {
  /** A person meant to give a dataset. */
  readonly isExpected: boolean;
  /** The dataset that is open: label maps are taken for its. */
  readonly into?: string | undefined;
  /** Called once it is known that they are one, before they are copied. */
  readonly onFound: () => void;
}

/** Imports what is a dataset; asks where it has to. */
export async function addDataset(
  studio: Studio,
  files: readonly GivenFile[],
  { isExpected, into, onFound }: AddDatasetOptions,
): Promise<DatasetOutcome> {
  const { datasets } = studio;
  return explaining(studio, files, async () => {
    const found = await datasets.recognise(files, { isExpected, into });
    if (found.kind !== 'none' && found.kind !== 'labels') onFound();
    switch (found.kind) {
      case 'none':
        return { status: 'no dataset' };
      case 'pairs':
        datasets.store.setState({ pairs: { files, proposal: found } });
        return { status: 'asking' };
      case 'labels':
        datasets.store.setState({ labels: { files, proposal: found } });
        return { status: 'asking' };
      case 'unlabelled':
        datasets.store.setState({ unlabelled: { files, caseIds: found.caseIds } });
        return { status: 'asking' };
      case 'raw':
      case 'decathlon':
        if (found.isKept) {
          datasets.store.setState({ nameConflict: { files, name: found.name } });
          return { status: 'asking' };
        }
        await assertRoom(studio, files, found.name);
        return imported(await datasets.importDataset(files, found.name));
      case 'preprocessed':
        await assertRoom(studio, files, found.name);
        return imported(await datasets.importPreprocessed(files, found.name));
      default:
        return found satisfies never;
    }
  });
}

/** Imports the dataset that waits in place of the one of its name, which goes once the new one is read and has room. */
export async function replaceDataset(studio: Studio): Promise<DatasetOutcome> {
  const { datasets } = studio;
  const { nameConflict } = datasets.store.getState();
  if (!nameConflict) return { status: 'stopped' };
  datasets.store.setState({ nameConflict: undefined });
  return explaining(studio, nameConflict.files, async () => {
    const kept = datasets.store.getState().datasets.find(({ name }) => name === nameConflict.name);
    await assertRoom(
      studio,
      nameConflict.files,
      nameConflict.name,
      kept ? kept.rawBytes + kept.preprocessedBytes : 0,
    );
    return imported(await datasets.replaceDataset(nameConflict.files, nameConflict.name));
  });
}

/** Imports the pairs that wait for their form. */
export async function addPairs(studio: Studio, facts: PairsFacts): Promise<DatasetOutcome> {
  const { datasets } = studio;
  const { pairs } = datasets.store.getState();
  if (!pairs) return { status: 'stopped' };
  datasets.store.setState({ pairs: undefined });
  return explaining(studio, pairs.files, async () =>
    imported(await datasets.importPairs(pairs.files, facts)),
  );
}

/** Adds the label maps that wait for a decision to their dataset. */
export async function addLabels(studio: Studio, choice: LabelsChoice): Promise<DatasetOutcome> {
  const { datasets, trainings } = studio;
  const { labels } = datasets.store.getState();
  if (!labels) return { status: 'stopped' };
  datasets.store.setState({ labels: undefined });
  const { name } = labels.proposal;
  return explaining(studio, labels.files, async () => {
    const isTraining = trainings.store
      .getState()
      .runs.some(({ order, state }) => order.datasetName === name && state.status === 'running');
    if (choice.replaces && isTraining) {
      throw new StudioError(
        'InUse',
        `${name} is being trained on, so its label maps cannot be replaced now.`,
        'Stop the training first, or add the other label maps alone.',
      );
    }
    return imported(await datasets.addLabels(name, labels.files, choice));
  });
}

/** Makes up the sample and opens it. */
export function addSampleDataset(studio: Studio): Promise<DatasetOutcome> {
  return explaining(studio, [], async () => imported(await studio.datasets.importSample()));
}

/** Before hours of copying: what the browser cannot hold is refused at once. Throws `StorageFull`. */
async function assertRoom(
  { system }: Studio,
  files: readonly GivenFile[],
  name: string,
  freedBytes = 0,
): Promise<void> {
  await system.measureStorage();
  const { storage } = system.store.getState();
  const needed = files.reduce((sum, { content }) => sum + content.size, 0);
  if (!storage || storage.usedBytes + needed - freedBytes <= storage.quotaBytes) return;
  const left = Math.max(0, storage.quotaBytes - storage.usedBytes);
  throw new StudioError(
    'StorageFull',
    `${name} has ${formatBytes(needed)}, but the browser has room for ${formatBytes(left)} more.`,
    'Remove datasets or models you no longer need, or free disk space. The nnstudio command has no such limit.',
  );
}

function imported({ name }: { readonly name: string }): DatasetOutcome {
  return { status: 'imported', name };
}

async function explaining(
  studio: Studio,
  files: readonly GivenFile[],
  work: () => Promise<DatasetOutcome>,
): Promise<DatasetOutcome> {
  try {
    return await work();
  } catch (error) {
    if (!isAbort(error)) {
      const name = error instanceof Error ? error.name : 'Error';
      addProblems(studio, [{ path: pathOf(files), name, message: messageOf(error) }]);
    }
    return { status: 'stopped' };
  } finally {
    void studio.system.measureStorage();
  }
}

/** The folder or file that was given. */
function pathOf(files: readonly GivenFile[]): string {
  const [first] = files;
  if (!first) return 'the sample';
  return first.path.includes('/') ? first.path.split('/')[0] : first.path;
}
