import { ActionIcon, Badge, Text, Tooltip } from '@mantine/core';
import { IconArrowLeft, IconChevronLeft, IconChevronRight } from '@tabler/icons-react';
import { useMemo } from 'react';
import type { CaseCheck } from '@/core/dataset/integrity';
import { formatXyz } from '@/shared/geometry';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { addressOf, goTo } from '../route';
import { useStudio } from '../useStudio';
import { ImageView, type ViewedImage } from '../viewer/ImageView';
import { ShownLabels, useLabelPanel, WithLabelPanel } from '../viewer/LabelPanel';
import { namedChannels } from '../viewer/viewedChannel';
import { useViewerController, ViewerContext } from '../viewer/viewerContext';
import styles from './data.module.css';
import { Findings } from './Findings';
import { withoutFlatAxis } from './flatAxis';

interface CaseViewerProps {
  readonly dataset: DatasetRecord;
  readonly caseId: string;
  readonly checks: readonly CaseCheck[] | undefined;
}

/** A training case with its label map, and the way to its neighbours. */
export function CaseViewer({ dataset, caseId, checks }: CaseViewerProps) {
  const viewer = useViewerController();
  const { isOpen, toggle } = useLabelPanel();
  const at = checks?.findIndex((one) => one.caseId === caseId) ?? -1;
  const check = checks?.[at];
  const isUnlabelled = check?.status === 'unlabelled';
  const viewed = useViewedCase(dataset, caseId, checks !== undefined && !isUnlabelled);
  return (
    <div className={styles.viewer}>
      <header className={styles.viewerHead}>
        <a className={styles.back} href={addressOf('data', dataset.name)}>
          <IconArrowLeft size={14} aria-hidden />
          {dataset.title}
        </a>
        <Text fw={650} size="sm" truncate component="h1" m={0}>
          {caseId}
        </Text>
        {isUnlabelled && (
          <Badge variant="light" color="gray" tt="none" style={{ flexShrink: 0 }}>
            No label map
          </Badge>
        )}
        {check?.shape && <span className={styles.viewerFacts}>{sizeText(check.shape, check.spacing)}</span>}
        <div className={styles.neighbours}>
          {toggle}
          <Neighbour
            dataset={dataset}
            label="Previous case"
            check={checks?.[at - 1]}
            icon={IconChevronLeft}
          />
          <Neighbour dataset={dataset} label="Next case" check={checks?.[at + 1]} icon={IconChevronRight} />
        </div>
      </header>
      <div className={styles.viewerBody}>
        {check && !isUnlabelled && check.findings.length > 0 && (
          <div className={styles.viewerFindings}>
            <Findings findings={check.findings} caseId={caseId} />
          </div>
        )}
        <ViewerContext value={viewer}>
          <WithLabelPanel isOpen={isOpen} panel={<ShownLabels labels={viewed.labels} />}>
            <ImageView key={`${caseId} ${viewer.id}`} viewed={viewed} />
          </WithLabelPanel>
        </ViewerContext>
      </div>
    </div>
  );
}

/** `512 × 512 × 300 voxels of 0.8 × 0.8 × 1.5 mm`, `565 × 584 pixels`: the millimetres of a picture are nnU-Net's invention. */
function sizeText(shape: readonly number[], spacing: readonly number[] | undefined): string {
  const size = formatXyz(withoutFlatAxis(shape, shape));
  const inPlane = spacing && withoutFlatAxis(spacing, shape);
  if (shape[0] === 1 && inPlane?.every((mm) => mm === 1)) return `${size} pixels`;
  return `${size} voxels${inPlane ? ` of ${formatXyz(inPlane, 3)} mm` : ''}`;
}

interface NeighbourProps {
  readonly dataset: DatasetRecord;
  readonly label: string;
  readonly check: CaseCheck | undefined;
  readonly icon: typeof IconChevronLeft;
}

function Neighbour({ dataset, label, check, icon: Icon }: NeighbourProps) {
  return (
    <Tooltip label={check ? `${label}: ${check.caseId}` : label}>
      <ActionIcon
        variant="default"
        size={28}
        aria-label={label}
        disabled={!check}
        onClick={() => check && goTo('data', dataset.name, check.caseId)}
      >
        <Icon size={16} />
      </ActionIcon>
    </Tooltip>
  );
}

/** `hasLabels`: whether there is a label map to be laid over the image. */
function useViewedCase(
  { name, channelNames, labels, labelledAt }: DatasetRecord,
  caseId: string,
  hasLabels: boolean,
): ViewedImage {
  const { datasets } = useStudio();
  return useMemo(
    () => ({
      name: caseId,
      channels: namedChannels(channelNames),
      labels: labels
        .filter(({ values }) => values.length === 1 && values[0] !== 0)
        .map(({ name: label, values }) => ({ value: values[0], name: label })),
      labelsVersion: hasLabels ? `${caseId} ${labelledAt}` : undefined,
      loadImage: (channel) => datasets.api.showImage(name, caseId, channel),
      loadLabels: () => datasets.api.showLabels(name, caseId),
    }),
    [datasets, name, caseId, channelNames, labels, labelledAt, hasLabels],
  );
}
