import { SegmentedControl, Text } from '@mantine/core';
import { IconArrowLeft } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import type { TrainingRecord } from '@/app/train/trainingRecord';
import { formatDice } from '../components/trainFormats';
import { useShortcuts } from '../components/useShortcuts';
import dataStyles from '../data/data.module.css';
import { addressOf } from '../route';
import { useStudio } from '../useStudio';
import { ImageView, type ViewedImage } from '../viewer/ImageView';
import { ShownLabels, useLabelPanel, WithLabelPanel } from '../viewer/LabelPanel';
import { useViewerController, ViewerContext } from '../viewer/viewerContext';
import { useDatasetImage } from './useDatasetImage';
import { meanDice } from './ValidationTable';

type Shown = 'prediction' | 'reference';

/** A validation case: the image with what the network found, or what it should have found. */
export function ValidationViewer({ run, caseId }: { run: TrainingRecord; caseId: string }) {
  const viewer = useViewerController();
  const [shown, setShown] = useState<Shown>('prediction');
  const viewed = useViewedCase(run, caseId, shown);
  const { isOpen, toggle } = useLabelPanel();
  const found = run.validation?.cases.find((one) => one.caseId === caseId);
  useShortcuts({ r: () => setShown(shown === 'prediction' ? 'reference' : 'prediction') });
  return (
    <div className={dataStyles.viewer}>
      <header className={dataStyles.viewerHead}>
        <a className={dataStyles.back} href={addressOf('train', run.id)}>
          <IconArrowLeft size={14} aria-hidden />
          {run.id}
        </a>
        <Text fw={650} size="sm" truncate component="h1" m={0}>
          {caseId}
        </Text>
        {found && <span className={dataStyles.viewerFacts}>Dice {formatDice(meanDice(found))}</span>}
        <div className={dataStyles.neighbours}>
          {toggle}
          <SegmentedControl
            size="xs"
            aria-label="What lies over the image; r switches"
            data={[
              { value: 'prediction', label: 'Prediction' },
              { value: 'reference', label: 'Reference' },
            ]}
            value={shown}
            onChange={(value) => setShown(value === 'reference' ? 'reference' : 'prediction')}
          />
        </div>
      </header>
      <div className={dataStyles.viewerBody}>
        <ViewerContext value={viewer}>
          <WithLabelPanel isOpen={isOpen} panel={<ShownLabels labels={viewed.labels} />}>
            <ImageView key={`${caseId} ${viewer.id}`} viewed={viewed} />
          </WithLabelPanel>
        </ViewerContext>
      </div>
    </div>
  );
}

function useViewedCase({ order }: TrainingRecord, caseId: string, shown: Shown): ViewedImage {
  const { datasets, trainings } = useStudio();
  const { datasetName } = order;
  const image = useDatasetImage(datasetName, caseId);
  return useMemo(
    () => ({
      ...image,
      labelsVersion: shown,
      ...(shown === 'prediction'
        ? {
            loadLabels: () => trainings.view.showPrediction(order, caseId, 'validation'),
          }
        : {
            loadLabels: () => datasets.api.showLabels(datasetName, caseId),
          }),
    }),
    [image, shown, trainings, datasets, order, datasetName, caseId],
  );
}
