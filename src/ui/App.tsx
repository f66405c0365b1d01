import { useDisclosure } from '@mantine/hooks';
import { Suspense, useCallback, useEffect } from 'react';
import { addDataset } from '@/app/data/addDataset';
import { addGivenFiles } from '@/app/files/addFiles';
import { addPlans } from '@/app/plan/addPlans';
import type { Studio } from '@/app/studio';
import type { GivenFile } from '@/workers/files/api';
import { fetchOwnParts } from '@/workers/ownParts';
import { Problems } from './components/ErrorNote';
import { useShortcuts } from './components/useShortcuts';
import NetworkDialog from './models/NetworkDialog';
import { showsProblems } from './placeNames';
import { usePlaceNotices } from './placeNotices';
import { fetchPlaces, PlacePage } from './places';
import { currentRoute, goTo, useRoute } from './route';
import { DropOverlay } from './shell/DropOverlay';
import { LiveAnnouncer } from './shell/LiveAnnouncer';
import { Rail } from './shell/Rail';
import { ShortcutsDialog } from './shell/ShortcutsDialog';
import { StatusBar } from './shell/StatusBar';
import styles from './shell/shell.module.css';
import { useStudio, useSystem } from './useStudio';

/** The one window: rail, the place that the address names, the status bar. */
export function App() {
  const studio = useStudio();
  const route = useRoute();
  const [isHelpOpen, help] = useDisclosure(false);
  useShortcuts({ '?': help.open });
  useFullLoad();
  const load = useSystem((state) => state.load.status);

  const asAction = usePlaceNotices(studio.selection, route.place);
  const add = useCallback(
    (given: readonly GivenFile[]) => asAction(() => addFiles(studio, given)),
    [studio, asAction],
  );

  const openImages = useCallback(
    (given: readonly GivenFile[]) => void asAction(() => addImagesAndModels(studio, given)),
    [studio, asAction],
  );

  return (
    <div className={styles.frame} data-load={load}>
      <Rail place={route.place} onHelp={help.open} />
      <main className={styles.place}>
        {!showsProblems(route.place, route.item) && <Problems />}
        {/* Of each place its own: a shared one would keep the last page, hidden, until the next is there. */}
        <Suspense key={route.place} fallback={null}>
          <PlacePage {...route} onFiles={add} onImages={openImages} />
        </Suspense>
      </main>
      <StatusBar />
      <DropOverlay onFiles={add} />
      <NetworkDialog />
      <ShortcutsDialog opened={isHelpOpen} onClose={help.close} />
      <LiveAnnouncer />
    </div>
  );
}

/** What becomes of dropped or picked files: plans, a dataset, or images and models; moves to where they are shown. */
async function addFiles(studio: Studio, given: readonly GivenFile[]): Promise<void> {
  const { entries, rest: files } = await addPlans(studio, given);
  if (files.length < given.length) goTo('plan', entries.at(-1)?.id);
  if (files.length === 0) return;
  const { place, item } = currentRoute();
  const isExpected = place === 'data';
  const dataset = await addDataset(studio, files, {
    isExpected,
    into: isExpected ? item : undefined,
    onFound: () => goTo('data'),
  });
  if (dataset.status === 'imported') goTo('data', dataset.name);
  if (dataset.status !== 'no dataset') return;
  await addImagesAndModels(studio, files);
}

async function addImagesAndModels(studio: Studio, files: readonly GivenFile[]): Promise<void> {
  const { cases, models, known = [] } = await addGivenFiles(studio, files);
  if (cases.length > 0) goTo('segment', cases[0].id);
  else if (known.length > 0) goTo('segment', known[0].id);
  else if (models.length > 0 && studio.queue.store.getState().cases.length === 0) goTo('models');
}

/** Fetches what later steps need; from there on the page and its workers should ask the network for nothing. */
function useFullLoad(): void {
  const { sample, system } = useStudio();
  useEffect(() => {
    system.followLoading(
      new Map<string, Promise<unknown>>([
        ...fetchPlaces(),
        ...fetchOwnParts(),
        ['Sample', sample],
        ['GPU', system.whenOpened],
      ]),
    );
  }, [sample, system]);
}
