import { Badge } from '@mantine/core';
import type { LiveTraining, TrainingRecord } from '@/app/train/trainingRecord';

interface RunStateProps {
  readonly run: TrainingRecord;
  /** Of this run, if this tab works on it. */
  readonly live: LiveTraining | undefined;
}

/** Where a run stands, in a word. */
export function RunState({ run, live }: RunStateProps) {
  const { text, color } = stateOf(run, live);
  return (
    <Badge size="sm" variant="light" color={color} c="var(--mantine-color-text)" tt="none">
      {text}
    </Badge>
  );
}

function stateOf({ state, isTrained }: TrainingRecord, live: LiveTraining | undefined) {
  switch (state.status) {
    case 'running':
      if (!live) return { text: 'in another tab', color: 'accent' };
      if (live.isStopping) return { text: 'stopping', color: 'gray' };
      if (live.isPaused) return { text: 'paused', color: 'yellow' };
      return { text: isTrained ? 'validating' : 'training', color: 'accent' };
    case 'waiting':
      return { text: 'waiting', color: 'gray' };
    case 'stopped':
      return { text: isTrained ? 'not validated' : 'stopped', color: 'gray' };
    case 'interrupted':
      return { text: 'interrupted', color: 'yellow' };
    case 'failed':
      return { text: 'failed', color: 'red' };
    case 'done':
      return { text: 'done', color: 'gray' };
    default:
      return state satisfies never;
  }
}
