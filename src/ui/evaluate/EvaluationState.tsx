import { Badge } from '@mantine/core';
import type { EvaluationRecord } from '@/storage/evaluationRecord';

const COLORS = {
  running: 'accent',
  done: 'gray',
  cancelled: 'gray',
  interrupted: 'yellow',
  failed: 'red',
} as const;

/** Where an evaluation stands, in a word. */
export function EvaluationState({ record: { state, verdicts, pairs } }: { record: EvaluationRecord }) {
  const text = state.status === 'done' ? 'done' : `${state.status}, ${verdicts.length} of ${pairs.length}`;
  return (
    <Badge size="sm" variant="light" color={COLORS[state.status]} c="var(--mantine-color-text)" tt="none">
      {text}
    </Badge>
  );
}
