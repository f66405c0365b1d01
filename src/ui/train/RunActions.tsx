import { ActionIcon, Button, Group, Menu } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import {
  IconAdjustments,
  IconDots,
  IconDownload,
  IconLayersSelectedBottom,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerStop,
  IconServer,
  IconTrash,
  IconTrophy,
} from '@tabler/icons-react';
import { useState } from 'react';
import { progressPicture } from '@/app/train/progressPicture';
import { curvesOfReports } from '@/app/train/progressPlot';
import type { LiveTraining, TrainingRecord } from '@/app/train/trainingRecord';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { trainerNamed } from '@/core/training/trainers';
import { messageOf } from '@/shared/errors';
import type { SavedFile } from '@/workers/files/api';
import { saveFile } from '../files/saveFile';
import { goTo } from '../route';
import { useLibrary, useStudio } from '../useStudio';
import { ClusterDialog } from './ClusterDialog';
import { LengthDialog } from './LengthDialog';
import { RemoveRunDialog } from './RemoveRunDialog';

interface RunActionsProps {
  readonly run: TrainingRecord;
  readonly live: LiveTraining | undefined;
}

/** What can be done with a run as it stands. */
export function RunActions({ run, live }: RunActionsProps) {
  const [isRemoving, setIsRemoving] = useState(false);
  const [isLeaving, setIsLeaving] = useState(false);
  const [isChanging, setIsChanging] = useState(false);
  return (
    <Group gap="xs">
      <MainActions run={run} live={live} />
      <MoreMenu
        run={run}
        onLength={() => setIsChanging(true)}
        onCluster={() => setIsLeaving(true)}
        onRemove={() => setIsRemoving(true)}
      />
      {isChanging && <LengthDialog run={run} onClose={() => setIsChanging(false)} />}
      {isLeaving && <ClusterDialog run={run} onClose={() => setIsLeaving(false)} />}
      {isRemoving && <RemoveRunDialog run={run} onClose={() => setIsRemoving(false)} />}
    </Group>
  );
}

function MainActions({ run, live }: RunActionsProps) {
  const { trainings } = useStudio();
  const { id, state, isTrained } = run;
  switch (state.status) {
    case 'running':
      if (!live) return null;
      return (
        <>
          {!isTrained && <PauseButton live={live} />}
          <Button
            size="sm"
            variant="default"
            leftSection={<IconPlayerStop size={16} aria-hidden />}
            loading={live.isStopping}
            onClick={() => void trainings.stop(id)}
          >
            Stop
          </Button>
        </>
      );
    case 'waiting':
      return (
        <Button size="sm" variant="default" onClick={() => void trainings.stop(id)}>
          Remove from queue
        </Button>
      );
    case 'stopped':
    case 'interrupted':
    case 'failed':
      return (
        <Button
          size="sm"
          leftSection={<IconPlayerPlay size={16} aria-hidden />}
          onClick={() => void trainings.resume(id)}
        >
          {isTrained ? 'Validate' : run.start ? 'Resume' : 'Train'}
        </Button>
      );
    case 'done':
      return <UseButton run={run} />;
    default:
      return state satisfies never;
  }
}

function PauseButton({ live }: { live: LiveTraining }) {
  const { trainings } = useStudio();
  const Icon = live.isPaused ? IconPlayerPlay : IconPlayerPause;
  return (
    <Button
      size="sm"
      variant={live.isPaused ? 'filled' : 'default'}
      leftSection={<Icon size={16} aria-hidden />}
      disabled={live.isStopping}
      onClick={() => trainings.pause(!live.isPaused)}
    >
      {live.isPaused ? 'Resume' : 'Pause'}
    </Button>
  );
}

function UseButton({ run: { modelId } }: { run: TrainingRecord }) {
  const { selection } = useStudio();
  const isThere = useLibrary(({ models }) => models.some(({ id }) => id === modelId));
  if (!isThere) return null;
  return (
    <Button
      size="sm"
      leftSection={<IconLayersSelectedBottom size={16} aria-hidden />}
      onClick={() => {
        selection.setState({ modelId });
        goTo('segment');
      }}
    >
      Segment with it
    </Button>
  );
}

interface MoreMenuProps {
  readonly run: TrainingRecord;
  readonly onLength: () => void;
  readonly onCluster: () => void;
  readonly onRemove: () => void;
}

function MoreMenu({ run, onLength, onCluster, onRemove }: MoreMenuProps) {
  const { trainings } = useStudio();
  const { order, start, epochs, state } = run;
  const { isBenchmark } = trainerNamed(order.trainerName);
  const name = `${order.datasetName}_${order.configurationName}_fold_${order.fold}`;
  const textFile = (ending: string, content: string, type: string): SavedFile => ({
    name: `${name}_${ending}`,
    content: new Blob([content], { type }),
  });
  const save = (saved: Promise<SavedFile>) =>
    void saved.then(saveFile, (error: unknown) =>
      notifications.show({ color: 'red', message: messageOf(error), autoClose: false }),
    );
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="default" size={36} aria-label="More about this training">
          <IconDots size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          disabled={!start}
          leftSection={<IconDownload size={15} aria-hidden />}
          onClick={() =>
            save(trainings.view.readTexts(order).then(({ log }) => textFile('log.txt', log, 'text/plain')))
          }
        >
          Log as text
        </Menu.Item>
        <Menu.Item
          disabled={epochs.length === 0}
          leftSection={<IconDownload size={15} aria-hidden />}
          onClick={() =>
            save(
              trainings.view
                .readTexts(order)
                .then(({ progress }) => textFile(NNUNET_FILES.progress, progress, 'application/json')),
            )
          }
        >
          Log as JSON
        </Menu.Item>
        <Menu.Item
          disabled={!start}
          leftSection={<IconDownload size={15} aria-hidden />}
          onClick={() => save(trainings.view.saveResults(order))}
        >
          Results folder for nnU-Net, zip
        </Menu.Item>
        <Menu.Item
          disabled={epochs.length === 0}
          leftSection={<IconDownload size={15} aria-hidden />}
          onClick={() =>
            save(
              progressPicture(curvesOfReports(epochs)).then((content) => ({
                name: `${name}_progress.png`,
                content,
              })),
            )
          }
        >
          Curves as picture
        </Menu.Item>
        <Menu.Item
          disabled={isBenchmark || !start || state.status === 'running' || state.status === 'waiting'}
          leftSection={<IconAdjustments size={15} aria-hidden />}
          onClick={onLength}
        >
          Change length…
        </Menu.Item>
        <Menu.Item
          disabled={isBenchmark}
          leftSection={<IconServer size={15} aria-hidden />}
          onClick={onCluster}
        >
          Continue on a cluster…
        </Menu.Item>
        <Menu.Item
          leftSection={<IconTrophy size={15} aria-hidden />}
          onClick={() => goTo('choose', order.datasetName)}
        >
          Compare with other configurations
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item
          color="var(--studio-bad)"
          leftSection={<IconTrash size={15} aria-hidden />}
          onClick={onRemove}
        >
          Remove
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
