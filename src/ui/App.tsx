import { useDisclosure } from '@mantine/hooks';
import { lazy, Suspense, useCallback, useEffect } from 'react';
import { addDataset } from '@/app/addDataset';
import { addGivenFiles } from '@/app/addGivenFiles';
import { addPlans } from '@/app/addPlans';
import type { GivenFile } from '@/workers/filesApi';
import { DropOverlay } from './frame/DropOverlay';
import styles from './frame/frame.module.css';
import { JobStrip } from './frame/JobStrip';
import { Rail } from './frame/Rail';
import { ShortcutsDialog } from './frame/ShortcutsDialog';
import { Spoken } from './frame/Spoken';
import { useShortcuts } from './frame/useShortcuts';
import { ModelsPlace } from './models/ModelsPlace';
import { currentRoute, goTo, useRoute } from './route';
import { SystemPlace } from './system/SystemPlace';
import { useStudio } from './useStudio';

// The viewer is most of the page's script: the frame is there before it.
const SegmentPlace = lazy(() => import('./segment/SegmentPlace'));
const DataPlace = lazy(() => import('./data/DataPlace'));
const PlanPlace = lazy(() => import('./plan/PlanPlace'));
const TrainPlace = lazy(() => import('./train/TrainPlace'));
const EvaluatePlace = lazy(() => import('./evaluate/EvaluatePlace'));
const ChoosePlace = lazy(() => import('./choose/ChoosePlace'));
const NetworkDialog = lazy(() => import('./models/NetworkDialog'));

/** The one window: rail, the place that the address names, the job strip. */
export function App() {
  const studio = useStudio();
  const route = useRoute();
  const [isHelpOpen, help] = useDisclosure(false);
  useShortcuts({ '?': help.open });
  useRequestCount();

  const add = useCallback(
    async (given: readonly GivenFile[]) => {
      const { entries, rest: files } = await addPlans(studio, given);
      if (files.length < given.length) goTo('plan', entries.at(-1)?.id);
      if (files.length === 0) return;
      const isExpected = currentRoute().place === 'data';
      const dataset = await addDataset(studio, files, { isExpected, onFound: () => goTo('data') });
      if (dataset.status === 'imported') goTo('data', dataset.name);
      if (dataset.status !== 'no dataset') return;
      const { cases, models } = await addGivenFiles(studio, files);
      if (cases.length > 0) goTo('segment', cases[0].id);
      else if (models.length > 0 && studio.queue.store.getState().cases.length === 0) goTo('models');
    },
    [studio],
  );

  return (
    <div className={styles.frame}>
      <Rail place={route.place} onHelp={help.open} />
      <main className={styles.place}>
        {route.place === 'segment' && (
          <Suspense fallback={null}>
            <SegmentPlace caseId={route.item} onFiles={add} />
          </Suspense>
        )}
        {route.place === 'data' && (
          <Suspense fallback={null}>
            <DataPlace name={route.item} caseId={route.part} onFiles={add} />
          </Suspense>
        )}
        {route.place === 'plan' && (
          <Suspense fallback={null}>
            <PlanPlace item={route.item} />
          </Suspense>
        )}
        {route.place === 'train' && (
          <Suspense fallback={null}>
            <TrainPlace key={route.item} item={route.item} caseId={route.part} />
          </Suspense>
        )}
        {route.place === 'models' && <ModelsPlace onFiles={add} />}
        {route.place === 'evaluate' && (
          <Suspense fallback={null}>
            <EvaluatePlace item={route.item} caseId={route.part} />
          </Suspense>
        )}
        {route.place === 'choose' && (
          <Suspense fallback={null}>
            <ChoosePlace datasetName={route.item} />
          </Suspense>
        )}
        {route.place === 'system' && <SystemPlace />}
      </main>
      <JobStrip />
      <DropOverlay onFiles={add} />
      <Suspense fallback={null}>
        <NetworkDialog />
      </Suspense>
      <ShortcutsDialog opened={isHelpOpen} onClose={help.close} />
      <Spoken />
    </div>
  );
}

/** Loads what later steps need, then starts counting requests: from there on there should be none. */
function useRequestCount(): void {
  const { sample, system } = useStudio();
  useEffect(() => {
    const places = [
      import('./segment/SegmentPlace'),
      import('./data/DataPlace'),
      import('./plan/PlanPlace'),
      import('./train/TrainPlace'),
      import('./evaluate/EvaluatePlace'),
      import('./choose/ChoosePlace'),
      import('./models/NetworkDialog'),
    ];
    const everything = [...places, sample, system.whenOpened];
    void Promise.allSettled(everything).then(() => system.countRequests());
  }, [sample, system]);
}
