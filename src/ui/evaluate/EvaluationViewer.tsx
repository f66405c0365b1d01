import { ActionIcon, SegmentedControl, Select, Text, Tooltip } from '@mantine/core';
import { IconArrowLeft, IconChevronLeft, IconChevronRight } from '@tabler/icons-react';
import { useEffect, useMemo, useState } from 'react';
import { AGREEMENT } from '@/core/evaluation/disagreement';
import { nanMean } from '@/shared/statistics';
import type { EvaluationRecord } from '@/storage/evaluationRecord';
import type { EvaluationOverlay } from '@/workers/evaluate/api';
import type { DisplayChannel } from '@/workers/files/api';
import { useShortcuts } from '../components/useShortcuts';
import dataStyles from '../data/data.module.css';
import { MANY_LABELS } from '../labels/labelFilter';
import { addressOf, goTo } from '../route';
import { useStudio } from '../useStudio';
import { ImageView, type ViewedImage } from '../viewer/ImageView';
import { ShownLabels, useLabelPanel, WithLabelPanel } from '../viewer/LabelPanel';
import { labelCenters } from '../viewer/labelJump';
import { namedChannels } from '../viewer/viewedChannel';
import { useViewerController, ViewerContext } from '../viewer/viewerContext';
import type { ViewerController } from '../viewer/viewerController';
import { EvaluatedLabels } from './EvaluatedLabels';
import styles from './evaluate.module.css';
import { type CaseRow, caseRows, columnNamed, sortedRows } from './evaluatedCases';

const OVERLAYS = ['disagreement', 'prediction', 'reference'] as const;
type Overlay = (typeof OVERLAYS)[number];
const ALL = 'all';

/** A case with what both agree on, and what only one of them has, over its image. */
export function EvaluationViewer({ record, caseId }: { record: EvaluationRecord; caseId: string }) {
  const viewer = useViewerController();
  const [shown, setShown] = useState<Overlay>('disagreement');
  const [label, setLabel] = useState(ALL);
  const viewed = useViewedCase(record, caseId, shown, label);
  const { isOpen, toggle } = useLabelPanel();
  useShortcuts({
    d: () => setShown('disagreement'),
    p: () => setShown('prediction'),
    r: () => setShown('reference'),
  });
  return (
    <div className={dataStyles.viewer}>
      <header className={`${dataStyles.viewerHead} ${styles.viewerHead}`}>
        <a className={dataStyles.back} href={addressOf('evaluate', record.id)}>
          <IconArrowLeft size={14} aria-hidden />
          Evaluation
        </a>
        <Text fw={650} size="sm" truncate component="h1" m={0}>
          {caseId}
        </Text>
        <Neighbours record={record} caseId={caseId} />
        <span className={dataStyles.viewerFacts}>{diceText(record, caseId)}</span>
        <div className={styles.viewerTools}>
          {toggle}
          {shown === 'disagreement' && record.labels.length > 1 && (
            <Select
              size="xs"
              w={170}
              searchable
              aria-label="Label"
              data={[
                { value: ALL, label: 'All labels' },
                ...record.labels.map(({ name }, i) => ({ value: `${i}`, label: name })),
              ]}
              value={label}
              onChange={(value) => setLabel(value ?? ALL)}
              allowDeselect={false}
            />
          )}
          <SegmentedControl
            size="xs"
            aria-label="What lies over the image; d, p and r switch"
            data={[
              { value: 'disagreement', label: 'Disagreement' },
              { value: 'prediction', label: 'Prediction' },
              { value: 'reference', label: 'Reference' },
            ]}
            value={shown}
            onChange={(value) => setShown(OVERLAYS.find((one) => one === value) ?? 'disagreement')}
          />
        </div>
      </header>
      <div className={dataStyles.viewerBody}>
        {shown === 'disagreement' && <Legend hasOther={label === ALL && record.labels.length > 1} />}
        <ViewerContext value={viewer}>
          <GoToDisagreement viewer={viewer} key={`${caseId} ${label}`} />
          <WithLabelPanel
            isOpen={isOpen}
            panel={
              shown === 'disagreement' ? (
                <EvaluatedLabels
                  record={record}
                  caseId={caseId}
                  chosen={label === ALL ? undefined : Number(label)}
                  onChoose={(one) => setLabel(one === undefined ? ALL : `${one}`)}
                />
              ) : (
                <ShownLabels labels={viewed.labels} />
              )
            }
          >
            <ImageView key={`${caseId} ${viewer.id}`} viewed={viewed} />
          </WithLabelPanel>
        </ViewerContext>
      </div>
    </div>
  );
}

/** Colours that colour-blind people tell apart; what only one has is also striped or dotted. */
const COLORS = {
  both: '#c9d3d6',
  onlyPrediction: '#e69f00',
  onlyPredictionStripe: '#7a4f00',
  onlyReference: '#56b4e9',
  onlyReferenceDot: '#08456e',
  otherLabel: '#cc79a7',
} as const satisfies Record<keyof typeof AGREEMENT, string>;

const NAMES = {
  both: 'both',
  onlyPrediction: 'only predicted',
  onlyReference: 'only in the reference',
  otherLabel: 'another label',
} as const;

const AGREEMENT_LABELS = [
  { value: AGREEMENT.both, name: NAMES.both, color: COLORS.both },
  { value: AGREEMENT.onlyPrediction, name: NAMES.onlyPrediction, color: COLORS.onlyPrediction },
  { value: AGREEMENT.onlyReference, name: NAMES.onlyReference, color: COLORS.onlyReference },
  { value: AGREEMENT.otherLabel, name: NAMES.otherLabel, color: COLORS.otherLabel },
  { value: AGREEMENT.onlyPredictionStripe, name: NAMES.onlyPrediction, color: COLORS.onlyPredictionStripe },
  { value: AGREEMENT.onlyReferenceDot, name: NAMES.onlyReference, color: COLORS.onlyReferenceDot },
];

function Legend({ hasOther }: { hasOther: boolean }) {
  return (
    <ul className={styles.legend} aria-label="Colours">
      <li>
        <i data-kind="both" /> {NAMES.both}
      </li>
      <li>
        <i data-kind="prediction" /> {NAMES.onlyPrediction}
      </li>
      <li>
        <i data-kind="reference" /> {NAMES.onlyReference}
      </li>
      {hasOther && (
        <li>
          <i data-kind="other" /> {NAMES.otherLabel}
        </li>
      )}
    </ul>
  );
}

/** Other cases, from the worst Dice to the best. */
function Neighbours({ record, caseId }: { record: EvaluationRecord; caseId: string }) {
  const order = useMemo(
    () => [...new Set(sortedRows(caseRows(record), 'Dice', true).map((row) => row.caseId))],
    [record],
  );
  const at = order.indexOf(caseId);
  const link = (step: -1 | 1, name: string) => {
    const next = order[at + step];
    const Icon = step < 0 ? IconChevronLeft : IconChevronRight;
    return (
      <Tooltip label={name}>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          aria-label={name}
          disabled={at < 0 || next === undefined}
          onClick={() => goTo('evaluate', record.id, next)}
        >
          <Icon size={16} />
        </ActionIcon>
      </Tooltip>
    );
  };
  return (
    <span className={styles.neighbours}>
      {link(-1, 'Next worse case')}
      {link(1, 'Next better case')}
    </span>
  );
}

/** Dice of each label, or of many the mean and the worst. */
function diceText(record: EvaluationRecord, caseId: string): string {
  const { format } = columnNamed('Dice');
  const rows = caseRows(record).filter((row) => row.caseId === caseId);
  const textOf = ({ label, figures }: CaseRow) => `${record.labels[label].name} ${format(figures.Dice)}`;
  if (rows.length <= MANY_LABELS) return rows.map(textOf).join(', ');
  const [worst] = sortedRows(rows, 'Dice', true);
  const mean = nanMean(rows.map(({ figures }) => figures.Dice));
  return `mean Dice ${format(mean)} of ${rows.length} labels, worst ${textOf(worst)}`;
}

/** Opens a case where the two differ, rather than in the middle of the image; once, and then it is the person's to move. */
function GoToDisagreement({ viewer }: { viewer: ViewerController }) {
  useEffect(() => {
    const stop = labelCenters.subscribe(({ centers }) => {
      const values = [
        AGREEMENT.otherLabel,
        AGREEMENT.onlyReference,
        AGREEMENT.onlyPrediction,
        AGREEMENT.both,
      ];
      const center = values.map((value) => centers[value]).find((one) => one !== undefined);
      if (!center) return;
      viewer.goToVoxel(center);
      stop();
    });
    return stop;
  }, [viewer]);
  return null;
}

function useViewedCase(given: EvaluationRecord, caseId: string, shown: Overlay, label: string): ViewedImage {
  const { evaluations, datasets } = useStudio();
  const { api } = evaluations;
  const [record] = useState(given); // verdicts may still come in, but what is shown does not change
  const image = useMemo(() => {
    const place = record.pairs.find((pair) => pair.caseId === caseId)?.image;
    const ofDataset = datasets.store.getState().datasets.find(({ name }) => name === record.datasetName);
    const files = place && place.kind !== 'dataset' ? place.files.map((_, i) => `channel ${i}`) : undefined;
    return {
      name: caseId,
      channels: namedChannels(files ?? (place && ofDataset?.channelNames) ?? ['no image']),
      loadImage: (channel: DisplayChannel) => api.showImage(record, caseId, channel),
    };
  }, [api, datasets, record, caseId]);
  return useMemo(() => {
    const overlay: EvaluationOverlay =
      shown === 'disagreement'
        ? { kind: shown, label: label === ALL ? undefined : Number(label) }
        : { kind: shown };
    return {
      ...image,
      labels: shown === 'disagreement' ? AGREEMENT_LABELS : labelsOf(record),
      labelsVersion: JSON.stringify(overlay),
      loadLabels: () => api.showOverlay(record, caseId, overlay),
    };
  }, [api, image, record, caseId, shown, label]);
}

/** Every value that belongs to a label, under the name of the smallest region that it is in. */
function labelsOf({ labels }: EvaluationRecord): ViewedImage['labels'] {
  const bySize = labels.toSorted((a, b) => a.values.length - b.values.length);
  const values = [...new Set(labels.flatMap((one) => one.values))].sort((a, b) => a - b);
  return values.map((value) => ({
    value,
    name: bySize.find((one) => one.values.includes(value))?.name ?? `label ${value}`,
  }));
}
