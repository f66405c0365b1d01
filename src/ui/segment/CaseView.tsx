import { useMemo } from 'react';
import type { CaseRecord } from '@/storage/caseRecord';
import { useStudio } from '../useStudio';
import { ImageView, type ViewedImage } from './ImageView';

/** One case in the viewer, with its newest segmentation. */
export function CaseView({ current }: { current: CaseRecord }) {
  return <ImageView viewed={useViewedCase(current)} />;
}

function useViewedCase(current: CaseRecord): ViewedImage {
  const { files } = useStudio();
  const { id, caseId, image, result } = current;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the image is its id's; other fields of the record do not change it
  const loaders = useMemo(
    () => ({
      loadImage: (channel: number) => files.showImage(current, channel),
      loadLabels: () => files.showSegmentation(id),
      loadOutlines: () => files.showOutlines(id),
    }),
    [files, id],
  );
  return useMemo(
    () => ({
      ...loaders,
      name: caseId,
      channels: Array.from({ length: image.channels }, (_, i) => `Channel ${i}`),
      labels: result?.labels ?? [],
      labelsVersion: result?.finishedAt,
    }),
    [loaders, caseId, image, result],
  );
}
