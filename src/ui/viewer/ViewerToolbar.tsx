import { ActionIcon, Group, SegmentedControl, Select, Slider, Tooltip } from '@mantine/core';
import { IconBorderOuter, IconEye, IconEyeOff, IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react';
import { preferences } from '@/app/preferencesStore';
import type { IntensityWindow } from '@/workers/files/api';
import { usePreferences } from '../useStudio';
import { useViewer } from './ViewerCanvas';
import type { ViewedChannel } from './viewedChannel';
import styles from './viewer.module.css';
import { useSharedViewer } from './viewerContext';
import type { ViewerLayout } from './viewerController';
import { WindowChoice } from './WindowChoice';

const LAYOUTS: readonly { value: ViewerLayout; label: string }[] = [
  { value: 'planes', label: 'All' },
  { value: 'axial', label: 'Axial' },
  { value: 'coronal', label: 'Coronal' },
  { value: 'sagittal', label: 'Sagittal' },
  { value: 'render', label: '3D' },
];

interface ViewerToolbarProps {
  readonly channels: readonly ViewedChannel[];
  readonly channel: ViewedChannel | undefined;
  readonly onChannel: (channel: ViewedChannel) => void;
  /** What "automatic" sets; `undefined` while nothing is shown. */
  readonly automaticWindow: IntensityWindow | undefined;
  readonly hasLabels: boolean;
  readonly isOverlayShown: boolean;
  readonly onToggleOverlay: () => void;
  readonly isPlaying: boolean;
  readonly onTogglePlay: () => void;
}

/** Layout, window, channel and overlay. */
export function ViewerToolbar(props: ViewerToolbarProps) {
  const { layout, overlayOpacity, isOutline } = usePreferences((state) => state);
  const { channels, channel, hasLabels, isOverlayShown, isPlaying } = props;
  const { isFlat } = useViewer(useSharedViewer());
  return (
    <div className={styles.toolbar} role="toolbar" aria-label="Viewer">
      {!isFlat && (
        <SegmentedControl
          size="xs"
          aria-label="Layout"
          value={layout}
          onChange={(value) => {
            const chosen = LAYOUTS.find((one) => one.value === value);
            if (chosen) preferences.setState({ layout: chosen.value });
          }}
          data={[...LAYOUTS]}
        />
      )}
      {channel?.channel !== 'color' && (
        <WindowChoice automatic={props.automaticWindow} named={channel?.hints.window} />
      )}
      {channels.length > 1 && (
        <Select
          size="xs"
          w={120}
          aria-label="Channel"
          allowDeselect={false}
          value={String(channel?.channel)}
          onChange={(value) => {
            const chosen = channels.find((one) => String(one.channel) === value);
            if (chosen) props.onChannel(chosen);
          }}
          data={channels.map(({ channel: key, name }) => ({ value: String(key), label: name }))}
        />
      )}
      {!isFlat && (
        <Tooltip label={isPlaying ? 'Stop (space)' : 'Play the slices (space)'}>
          <ActionIcon
            variant="default"
            size={30}
            aria-label="Play the slices"
            aria-pressed={isPlaying}
            onClick={props.onTogglePlay}
          >
            {isPlaying ? <IconPlayerPause size={16} /> : <IconPlayerPlay size={16} />}
          </ActionIcon>
        </Tooltip>
      )}
      {hasLabels && (
        <Group gap={8} wrap="nowrap">
          <Tooltip label="Show or hide the segmentation (o)">
            <ActionIcon
              variant="default"
              size={30}
              aria-label="Show the segmentation"
              aria-pressed={isOverlayShown}
              onClick={props.onToggleOverlay}
            >
              {isOverlayShown ? <IconEye size={16} /> : <IconEyeOff size={16} />}
            </ActionIcon>
          </Tooltip>
          <Slider
            w={110}
            size="sm"
            thumbLabel="Opacity of the segmentation"
            label={(value) => `${Math.round(value * 100)} %`}
            min={0}
            max={1}
            step={0.05}
            value={overlayOpacity}
            onChange={(value) => preferences.setState({ overlayOpacity: value })}
          />
          <Tooltip label={isOutline ? 'Fill the labels' : 'Outline the labels'}>
            <ActionIcon
              variant={isOutline ? 'filled' : 'default'}
              size={30}
              aria-label="Outline the labels"
              aria-pressed={isOutline}
              onClick={() => preferences.setState({ isOutline: !isOutline })}
            >
              <IconBorderOuter size={16} />
            </ActionIcon>
          </Tooltip>
        </Group>
      )}
    </div>
  );
}
