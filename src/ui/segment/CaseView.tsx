import { useMemo } from 'react';
import type { CaseRecord } from '@/storage/caseRecord';
import type { DisplayChannel } from '@/workers/files/api';
import { useStudio } from '../useStudio';
import { ImageView, type ViewedImage } from '../viewer/ImageView';
import { channelsOf } from '../viewer/viewedChannel';
import { useRunChoice } from './useRunChoice';

/** One case in the viewer, with its newest segmentation. */
export function CaseView({ current }: { current: CaseRecord }) {
  return <ImageView viewed={useViewedCase(current)} />;
}

function useViewedCase(current: CaseRecord): ViewedImage {
  const { files } = useStudio();
  const { id, caseId, image, files: names, result } = current;
  const trained = useRunChoice(current).chosen;
  const trainedOn = trained?.fit.fits ? trained.model.model.channelNames : undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the image is its id's; other fields of the record do not change it
  const loaders = useMemo(
    () => ({
      loadImage: (channel: DisplayChannel) => files.showImage(current, channel),
      loadLabels: () => files.showSegmentation(id),
    }),
    [files, id],
  );
  const channels = useMemo(() => channelsOf({ image, files: names }, trainedOn), [image, names, trainedOn]);
  return useMemo(
    () => ({
      ...loaders,
      name: caseId,
      channels,
      labels: result?.labels ?? [],
      labelsVersion: result?.finishedAt,
    }),
    [loaders, caseId, channels, result],
  );
}
