import { useMemo } from 'react';
import { useDatasets, useStudio } from '../useStudio';
import type { ViewedImage } from '../viewer/ImageView';
import { namedChannels } from '../viewer/viewedChannel';

/** A training case for the viewer, without anything over it. */
export function useDatasetImage(
  datasetName: string,
  caseId: string,
): Pick<ViewedImage, 'name' | 'channels' | 'labels' | 'loadImage'> {
  const { datasets } = useStudio();
  const dataset = useDatasets((state) => state.datasets.find(({ name }) => name === datasetName));
  const channels = dataset?.channelNames;
  const labels = dataset?.labels;
  return useMemo(
    () => ({
      name: caseId,
      channels: namedChannels(channels ?? []),
      labels: (labels ?? [])
        .filter(({ values }) => values.length === 1 && values[0] !== 0)
        .map(({ name, values }) => ({ value: values[0], name })),
      loadImage: (channel) => datasets.api.showImage(datasetName, caseId, channel),
    }),
    [datasets, datasetName, caseId, channels, labels],
  );
}
