import { Alert, Loader, Select, Switch, Text } from '@mantine/core';
import { useMemo, useState } from 'react';
import type { TrainingRecord } from '@/app/train/trainingRecord';
import { bestEpoch } from '../components/trainFormats';
import { useStudio } from '../useStudio';
import { ImageView, type ViewedImage } from '../viewer/ImageView';
import { ShownLabels, useLabelPanel, WithLabelPanel } from '../viewer/LabelPanel';
import { useViewerController, ViewerContext } from '../viewer/viewerContext';
import styles from './train.module.css';
import { useDatasetImage } from './useDatasetImage';
import { useLivePrediction } from './useLivePrediction';

/** A case that the network has not seen, as it is segmented by the best weights so far. */
export function LiveCase({ run }: { run: TrainingRecord }) {
  const [isShown, setIsShown] = useState(false);
  const cases = run.start?.validationCases ?? [];
  const [chosen, setChosen] = useState<string | undefined>();
  const caseId = chosen ?? cases[0];
  if (caseId === undefined || !bestEpoch(run.epochs)) return null;
  return (
    <section aria-label="Live case" className={styles.section}>
      <div className={styles.liveHead}>
        <Switch
          label="Watch a held-out case"
          description="Segments it again as the network gets better, at most 5 % of the time"
          checked={isShown}
          onChange={({ currentTarget }) => setIsShown(currentTarget.checked)}
        />
        {isShown && (
          <Select
            size="xs"
            w={230}
            aria-label="Case to watch"
            data={[...cases]}
            value={caseId}
            allowDeselect={false}
            searchable
            onChange={(value) => setChosen(value ?? undefined)}
          />
        )}
      </div>
      {isShown && <LiveView key={caseId} run={run} caseId={caseId} />}
    </section>
  );
}

function LiveView({ run, caseId }: { run: TrainingRecord; caseId: string }) {
  const viewer = useViewerController();
  const { shownEpoch, isPredicting, problem } = useLivePrediction(run, caseId);
  const viewed = useLiveImage(run, caseId, shownEpoch);
  const { isOpen, toggle } = useLabelPanel();
  return (
    <>
      {problem && (
        <Alert color="red" variant="light" mt="xs" role="alert">
          {problem}
        </Alert>
      )}
      <div className={styles.liveTools}>{toggle}</div>
      <div className={styles.liveView}>
        <ViewerContext value={viewer}>
          <WithLabelPanel isOpen={isOpen} panel={<ShownLabels labels={viewed.labels} />}>
            <ImageView key={`${caseId} ${viewer.id}`} viewed={viewed} />
          </WithLabelPanel>
        </ViewerContext>
      </div>
      <Text size="xs" c="dimmed" mt={4} role="status">
        {shownEpoch === undefined
          ? 'The first segmentation is on its way.'
          : `As segmented by the weights of epoch ${shownEpoch + 1}.`}{' '}
        {isPredicting && <Loader size={11} aria-label="Segmenting again" />}
      </Text>
    </>
  );
}

function useLiveImage(
  { order }: TrainingRecord,
  caseId: string,
  shownEpoch: number | undefined,
): ViewedImage {
  const { trainings } = useStudio();
  const image = useDatasetImage(order.datasetName, caseId);
  return useMemo(
    () => ({
      ...image,
      labelsVersion: shownEpoch,
      loadLabels: () => trainings.view.showPrediction(order, caseId, 'live'),
    }),
    [image, trainings, order, caseId, shownEpoch],
  );
}
