import { Button, Loader } from '@mantine/core';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { messageOf } from '@/shared/errors';
import type { CaseRecord } from '@/storage/caseRecord';
import { useShortcuts } from '../frame/useShortcuts';
import { labelColor } from '../labelColors';
import { usePreferences, useSelection, useStudio } from '../useStudio';
import { ViewerCanvas } from '../viewer/ViewerCanvas';
import viewerStyles from '../viewer/viewer.module.css';
import type { LabelStyle, Window } from '../viewer/viewerController';
import { labelCenters, useLabelJump } from './labelJump';
import { ErrorNote } from './Problems';
import { Readout } from './Readout';
import { usePlayback } from './usePlayback';
import { ViewerToolbar } from './ViewerToolbar';
import { useSharedViewer } from './viewerContext';

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
  | { readonly status: 'shown'; readonly automatic: Window }
  | { readonly status: 'failed'; readonly name: string; readonly message: string };

/** One case in the viewer: image, labels, tools, keys. */
export function CaseView({ current }: { current: CaseRecord }) {
  const viewer = useSharedViewer();
  const [channel, setChannel] = useState(0);
  const [isOverlayShown, setIsOverlayShown] = useState(true);
  const [attempt, setAttempt] = useState(0);
  const shown = useShownImage(current, channel, attempt);
  const style = useLabelStyle(current, isOverlayShown);
  useShownLabels(current, shown.status === 'shown', style);

  const layout = usePreferences((state) => state.layout);
  useEffect(() => viewer.setLayout(layout), [viewer, layout]);

  const jump = useLabelJump();
  const { isPlaying, toggle: togglePlay } = usePlayback(viewer);
  const toggleOverlay = useCallback(() => setIsOverlayShown((is) => !is), []);
  const labels = current.result?.labels;
  const shortcuts = useMemo(() => {
    const digits = (labels ?? [])
      .slice(0, 9)
      .map(({ value }, i) => [String(i + 1), () => jump(value)] as const);
    const slices = SLICE_KEYS.map(([key, step]) => [key, () => viewer.moveSlices(step)] as const);
    return { o: toggleOverlay, ' ': togglePlay, ...Object.fromEntries([...slices, ...digits]) };
  }, [viewer, labels, jump, toggleOverlay, togglePlay]);
  useShortcuts(shortcuts);

  return (
    <div className={viewerStyles.frame}>
      <ViewerToolbar
        channels={current.image.channels}
        channel={channel}
        onChannel={setChannel}
        automaticWindow={shown.status === 'shown' ? shown.automatic : undefined}
        hasLabels={current.result !== undefined}
        isOverlayShown={isOverlayShown}
        onToggleOverlay={toggleOverlay}
        isPlaying={isPlaying}
        onTogglePlay={togglePlay}
      />
      <div className={viewerStyles.stage}>
        <ViewerCanvas viewer={viewer} label={`Slices of ${current.caseId}`} />
        {shown.status === 'loading' && (
          <div className={viewerStyles.loading} role="status">
            <Loader aria-label="Loading the image" />
          </div>
        )}
        {shown.status === 'failed' && (
          <div className={viewerStyles.loading}>
            <div style={{ maxWidth: 520 }}>
              <ErrorNote title="This image cannot be shown" {...shown} where={current.caseId} />
              <Button mt="xs" size="xs" variant="default" onClick={() => setAttempt((n) => n + 1)}>
                Try again
              </Button>
            </div>
          </div>
        )}
      </div>
      <Readout labels={current.result?.labels ?? []} />
    </div>
  );
}

function useShownImage(current: CaseRecord, channel: number, attempt: number): Shown {
  const { files } = useStudio();
  const viewer = useSharedViewer();
  const [shown, setShown] = useState<Shown>({ status: 'loading' });
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new attempt loads again; other fields of the record do not
  useEffect(() => {
    let isCurrent = true;
    setShown({ status: 'loading' });
    files
      .showImage(current, channel)
      .then(async ({ bytes, affine, window }) => {
        if (!isCurrent) return;
        await viewer.showImage(bytes, affine, window);
        if (isCurrent) setShown({ status: 'shown', automatic: window });
      })
      .catch((error: unknown) => {
        if (!isCurrent) return;
        viewer.clear();
        const name = error instanceof Error ? error.name : 'Error';
        setShown({ status: 'failed', name, message: messageOf(error) });
      });
    return () => {
      isCurrent = false;
    };
  }, [files, viewer, current.id, channel, attempt]);
  return shown;
}

function useLabelStyle({ result }: CaseRecord, isOverlayShown: boolean): LabelStyle {
  const { overlayOpacity, labelColors } = usePreferences((state) => state);
  const hidden = useSelection((state) => state.hiddenLabels);
  return useMemo(
    () => ({
      labels: (result?.labels ?? []).map(({ value }) => ({
        value,
        color: labelColor(value, labelColors),
        isVisible: !hidden.has(value),
      })),
      opacity: isOverlayShown ? overlayOpacity : 0,
    }),
    [result, hidden, labelColors, overlayOpacity, isOverlayShown],
  );
}

/** Lays the newest segmentation over the image, filled or as outlines, and restyles it without loading it again. */
function useShownLabels({ id, result }: CaseRecord, isImageShown: boolean, style: LabelStyle): void {
  const { files } = useStudio();
  const viewer = useSharedViewer();
  const isOutline = usePreferences((state) => state.isOutline);
  const [isShown, setIsShown] = useState(false);
  const finishedAt = result?.finishedAt;

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new style is the last effect's
  useEffect(() => {
    let isCurrent = true;
    setIsShown(false);
    labelCenters.setState({ centers: {} });
    if (!isImageShown || finishedAt === undefined) {
      viewer.hideLabels();
      return;
    }
    files.showSegmentation(id).then(
      async ({ bytes, centers }) => {
        if (!isCurrent) return;
        await viewer.showLabels(bytes, style);
        labelCenters.setState({ centers });
        setIsShown(isCurrent);
      },
      () => viewer.hideLabels(),
    );
    return () => {
      isCurrent = false;
    };
  }, [files, viewer, id, finishedAt, isImageShown]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new style is the next effect's
  useEffect(() => {
    if (!isShown || !isOutline) return;
    let isCurrent = true;
    void files.showOutlines(id).then((bytes) => (isCurrent ? viewer.showOutlines(bytes, style) : undefined));
    return () => {
      isCurrent = false;
      viewer.hideOutlines();
    };
  }, [files, viewer, id, isShown, isOutline]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: filled again when outlines go
  useEffect(() => viewer.styleLabels(style), [viewer, style, isOutline]);
}
