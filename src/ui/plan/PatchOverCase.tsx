import { Button, Group, Loader, Modal, Text } from '@mantine/core';
import { useEffect, useMemo, useState } from 'react';
import { nearestCase, PATCH_LABEL, patchBox, patchExtent } from '@/app/plan/patchBox';
import type { CaseCheck } from '@/core/dataset/integrity';
import type { ConfigurationOverview, PlansOverview } from '@/core/planning/plansOverview';
import type { Xyz } from '@/shared/geometry';
import { formatXyz } from '@/shared/geometry';
import type { DatasetRecord } from '@/storage/datasetRecord';
import type { DisplayChannel, DisplayVolume } from '@/workers/files/api';
import { useStudio } from '../useStudio';
import { ImageView, type ViewedImage } from '../viewer/ImageView';
import { useViewer } from '../viewer/ViewerCanvas';
import { namedChannels } from '../viewer/viewedChannel';
import { useViewerController, ViewerContext } from '../viewer/viewerContext';
import styles from './patch.module.css';

interface PatchOverCaseProps {
  readonly dataset: DatasetRecord;
  readonly overview: PlansOverview;
  readonly configuration: ConfigurationOverview;
}

/** A button that shows the patch as a box over the case nearest to the median one. */
export function PatchOverCase(props: PatchOverCaseProps) {
  const [isOpen, setOpen] = useState(false);
  const { patchSize, spacing } = props.configuration;
  const size = useMemo(
    () => (patchSize && spacing ? { patchSize, spacing } : undefined),
    [patchSize, spacing],
  );
  if (!size || props.dataset.check === undefined) return null;
  return (
    <>
      <Button size="compact-sm" variant="light" mt="sm" onClick={() => setOpen(true)}>
        Show over a case
      </Button>
      <Modal
        opened={isOpen}
        onClose={() => setOpen(false)}
        title={`Patch of ${props.configuration.name}`}
        size="min(1280px, 94vw)"
        centered
      >
        <CaseWithPatch {...props} size={size} />
      </Modal>
    </>
  );
}

interface CaseWithPatchProps extends PatchOverCaseProps {
  readonly size: { readonly patchSize: readonly number[]; readonly spacing: readonly number[] };
}

function CaseWithPatch({ dataset, overview, size }: CaseWithPatchProps) {
  const { datasets } = useStudio();
  const viewer = useViewerController();
  const { location } = useViewer(viewer);
  const [found, setFound] = useState<CaseCheck>();
  const [centre, setCentre] = useState<Xyz>();
  useEffect(() => {
    let isCurrent = true;
    void datasets.api.readChecks(dataset.name).then((checks) => {
      if (isCurrent) setFound(nearestCase(checks, medianExtent(overview)));
    });
    return () => {
      isCurrent = false;
    };
  }, [datasets, dataset.name, overview]);
  const viewed = useViewedPatch({ dataset, overview, size, caseId: found?.caseId, centre });
  if (!found || !viewed) return <Loader size="sm" aria-label="Looking for the median case" />;
  return (
    <>
      <Group justify="space-between" mb="xs">
        <Text size="sm" c="dimmed">
          {found.caseId}, the case nearest to the median: {found.shape && formatXyz(found.shape)} voxels. The
          walls are where the patch ends; those that are missing lie outside the image.
        </Text>
        <Button
          size="compact-sm"
          variant="default"
          disabled={!location}
          onClick={() => location && setCentre(location.voxel)}
        >
          Move the patch to the crosshair
        </Button>
      </Group>
      <div className={styles.viewer}>
        <ViewerContext value={viewer}>
          <ImageView key={`${found.caseId} ${viewer.id}`} viewed={viewed} />
        </ViewerContext>
      </div>
    </>
  );
}

interface ViewedPatchRequest {
  readonly dataset: DatasetRecord;
  readonly overview: PlansOverview;
  readonly size: CaseWithPatchProps['size'];
  readonly caseId: string | undefined;
  readonly centre: Xyz | undefined;
}

/** The case as the viewer takes it, with the patch in place of labels. */
function useViewedPatch(request: ViewedPatchRequest): ViewedImage | undefined {
  const { dataset, overview, size, caseId, centre } = request;
  const { datasets } = useStudio();
  const image = useMemo(() => {
    if (caseId === undefined) return undefined;
    let first: Promise<Pick<DisplayVolume, 'shape' | 'affine'>> | undefined;
    const loadImage = (channel: DisplayChannel) => {
      const loading = datasets.api.showImage(dataset.name, caseId, channel);
      first ??= loading;
      return loading;
    };
    return { loadImage, shown: () => first ?? loadImage(0) };
  }, [datasets, dataset.name, caseId]);
  return useMemo(() => {
    if (!image || caseId === undefined) return undefined;
    const loadLabels = async () => {
      return patchBox(await image.shown(), patchExtent(size, overview.transposeForward), centre);
    };
    return {
      name: caseId,
      channels: namedChannels(dataset.channelNames),
      labels: [{ value: PATCH_LABEL, name: 'patch' }],
      labelsVersion: centre ?? caseId,
      loadImage: image.loadImage,
      loadLabels,
    };
  }, [image, caseId, dataset, overview, size, centre]);
}

/** Of the median case along the image axes z, y, x, mm. */
function medianExtent({ medianShape, medianSpacing, transposeForward }: PlansOverview): readonly number[] {
  const extent = [1, 1, 1];
  for (const [axis, imageAxis] of transposeForward.entries()) {
    extent[imageAxis] = (medianShape?.[axis] ?? 1) * (medianSpacing?.[axis] ?? 1);
  }
  return extent;
}
