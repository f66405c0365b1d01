import { Button, Loader } from '@mantine/core';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { openingWindow } from '@/app/files/ctWindow';
import { messageOf } from '@/shared/errors';
import type { DisplayChannel, DisplayLabels, DisplayVolume, IntensityWindow } from '@/workers/files/api';
import { ErrorNote } from '../components/ErrorNote';
import { useShortcuts } from '../components/useShortcuts';
import { labelColor } from '../labelColors';
import { usePreferences, useSelection } from '../useStudio';
import { labelCenters, useLabelJump } from './labelJump';
import { Readout } from './Readout';
import { usePlayback } from './usePlayback';
import { ViewerCanvas } from './ViewerCanvas';
import { ViewerToolbar } from './ViewerToolbar';
import type { ViewedChannel } from './viewedChannel';
import type { ViewedLabel } from './viewedLabel';
import viewerStyles from './viewer.module.css';
import { useSharedViewer } from './viewerContext';
import type { CrosshairLocation, LabelStyle } from './viewerController';

/** Something to look at: an image with or without labels over it. Kept the same object while it is the same. */
export interface ViewedImage {
  readonly name: string;
  /** The first is shown first. */
  readonly channels: readonly ViewedChannel[];
  readonly labels: readonly ViewedLabel[];
  /** Changes whenever there are other labels to load; `undefined` while there are none. */
  readonly labelsVersion: unknown;
  loadImage(channel: DisplayChannel): Promise<DisplayVolume>;
  loadLabels(): Promise<DisplayLabels>;
}

/** Keys that move through the active plane, and by how many slices. */
const SLICE_KEYS = [
  ['ArrowUp', 1],
  ['ArrowDown', -1],
  ['ArrowRight', 1],
  ['ArrowLeft', -1],
  ['PageUp', 10],
  ['PageDown', -10],
] as const;

type Shown =
  | { readonly status: 'loading' }
  | { readonly status: 'shown'; readonly automatic: IntensityWindow }
  | { readonly status: 'failed'; readonly name: string; readonly message: string };

/** One image in the viewer: labels, tools, keys. */
export function ImageView({ viewed }: { viewed: ViewedImage }) {
  const viewer = useSharedViewer();
  const [chosen, setChosen] = useState<DisplayChannel>();
  const channel = viewed.channels.find((one) => one.channel === chosen) ?? viewed.channels.at(0);
  const [isOverlayShown, setIsOverlayShown] = useState(true);
  const [attempt, setAttempt] = useState(0);
  const shown = useShownImage(viewed, channel, attempt);
  const style = useLabelStyle(viewed, isOverlayShown);
  useShownLabels(viewed, shown.status === 'shown', style);

  const layout = usePreferences((state) => state.layout);
  useEffect(() => viewer.setLayout(layout), [viewer, layout]);

  const jump = useLabelJump();
  const { isPlaying, toggle: togglePlay } = usePlayback(viewer);
  const toggleOverlay = useCallback(() => setIsOverlayShown((is) => !is), []);
  const { labels } = viewed;
  const shortcuts = useMemo(() => {
    const digits = labels.slice(0, 9).map(({ value }, i) => [String(i + 1), () => jump(value)] as const);
    const slices = SLICE_KEYS.map(([key, step]) => [key, () => viewer.moveSlices(step)] as const);
    return { o: toggleOverlay, ' ': togglePlay, ...Object.fromEntries([...slices, ...digits]) };
  }, [viewer, labels, jump, toggleOverlay, togglePlay]);
  useShortcuts(shortcuts);

  return (
    <div className={viewerStyles.frame}>
      <ViewerToolbar
        channels={viewed.channels}
        channel={channel}
        onChannel={(one) => setChosen(one.channel)}
        automaticWindow={shown.status === 'shown' ? shown.automatic : undefined}
        hasLabels={viewed.labelsVersion !== undefined}
        isOverlayShown={isOverlayShown}
        onToggleOverlay={toggleOverlay}
        isPlaying={isPlaying}
        onTogglePlay={togglePlay}
      />
      <div className={viewerStyles.stage}>
        <ViewerCanvas viewer={viewer} label={`Slices of ${viewed.name}`} />
        {shown.status === 'loading' && (
          <div className={viewerStyles.loading} role="status">
            <Loader aria-label="Loading the image" />
            <span>Opening {viewed.name}</span>
          </div>
        )}
        {shown.status === 'failed' && (
          <div className={viewerStyles.loading}>
            <div style={{ maxWidth: 520 }}>
              <ErrorNote title="This image cannot be shown" {...shown} where={viewed.name} />
              <Button mt="xs" size="xs" variant="default" onClick={() => setAttempt((n) => n + 1)}>
                Try again
              </Button>
            </div>
          </div>
        )}
      </div>
      <Readout labels={viewed.labels} />
    </div>
  );
}

function useShownImage(
  viewed: ViewedImage,
  viewedChannel: ViewedChannel | undefined,
  attempt: number,
): Shown {
  const viewer = useSharedViewer();
  const [shown, setShown] = useState<Shown>({ status: 'loading' });
  const { loadImage } = viewed;
  const channel = viewedChannel?.channel ?? 0;
  const hints = useRef(viewedChannel?.hints ?? {});
  hints.current = viewedChannel?.hints ?? {};
  /** Another channel is looked at in the same place. */
  const lookedAt = useRef<CrosshairLocation['voxel']>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new attempt loads again
  useEffect(() => {
    let isCurrent = true;
    const position = lookedAt.current;
    viewer.clear(); // a large image takes a while, and the one before is not it
    setShown({ status: 'loading' });
    loadImage(channel)
      .then(async (volume) => {
        await viewer.whenReady();
        if (!isCurrent) return;
        viewer.showImage(volume, openingWindow(volume, hints.current), position);
        setShown({ status: 'shown', automatic: volume.automatic });
      })
      .catch((error: unknown) => {
        if (!isCurrent) return;
        viewer.clear();
        const name = error instanceof Error ? error.name : 'Error';
        setShown({ status: 'failed', name, message: messageOf(error) });
      });
    return () => {
      isCurrent = false;
      lookedAt.current = viewer.getSnapshot().location?.voxel;
    };
  }, [loadImage, viewer, channel, attempt]);
  return shown;
}

function useLabelStyle({ labels }: ViewedImage, isOverlayShown: boolean): LabelStyle {
  const { overlayOpacity, labelColors, isOutline } = usePreferences((state) => state);
  const hidden = useSelection((state) => state.hiddenLabels);
  return useMemo(
    () => ({
      labels: labels.map(({ value, color }) => ({
        value,
        color: color ?? labelColor(value, labelColors),
        isVisible: color !== undefined || !hidden.has(value),
      })),
      opacity: isOverlayShown ? overlayOpacity : 0,
      isOutline,
    }),
    [labels, hidden, labelColors, overlayOpacity, isOutline, isOverlayShown],
  );
}

/** Lays the labels over the image, and restyles them without loading them again. */
function useShownLabels(viewed: ViewedImage, isImageShown: boolean, style: LabelStyle): void {
  const viewer = useSharedViewer();
  const { labelsVersion, loadLabels } = viewed;
  const newestStyle = useRef(style);
  newestStyle.current = style;
  /** Until then the labels on screen, if any, are other ones, which the style does not fit. */
  const isLoaded = useRef(false);

  useEffect(() => {
    let isCurrent = true;
    isLoaded.current = false;
    labelCenters.setState({ centers: {} });
    if (!isImageShown || labelsVersion === undefined) {
      viewer.hideLabels();
      return;
    }
    loadLabels().then(
      (labels) => {
        if (!isCurrent) return;
        isLoaded.current = true;
        viewer.showLabels(labels, newestStyle.current);
        labelCenters.setState({ centers: labels.centers });
      },
      () => isCurrent && viewer.hideLabels(),
    );
    return () => {
      isCurrent = false;
    };
  }, [loadLabels, viewer, labelsVersion, isImageShown]);

  useEffect(() => {
    if (isLoaded.current) viewer.styleLabels(style);
  }, [viewer, style]);
}
