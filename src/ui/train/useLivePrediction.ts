import { useEffect, useRef, useState } from 'react';
import type { TrainingRecord } from '@/app/train/trainingRecord';
import { messageOf } from '@/shared/errors';
import { bestEpoch } from '../components/trainFormats';
import { useStudio } from '../useStudio';

/** For one second of segmenting the training has so many to itself. */
const REST_PER_WORK = 19;

export interface LivePrediction {
  /** Whose weights segmented what is shown; `undefined` before the first. */
  readonly shownEpoch: number | undefined;
  readonly isPredicting: boolean;
  readonly problem: string | undefined;
}

/** Segments the case whenever there are better weights, but leaves the GPU to the training most of the time. */
export function useLivePrediction({ order, epochs }: TrainingRecord, caseId: string): LivePrediction {
  const { trainings } = useStudio();
  const [state, setState] = useState<LivePrediction>({
    shownEpoch: undefined,
    isPredicting: false,
    problem: undefined,
  });
  const restUntil = useRef(0);
  const best = bestEpoch(epochs)?.epoch;
  const { shownEpoch, isPredicting, problem } = state;
  useEffect(() => {
    if (best === undefined || best === shownEpoch || isPredicting || problem !== undefined) return;
    const timer = setTimeout(
      async () => {
        setState((before) => ({ ...before, isPredicting: true }));
        const started = performance.now();
        try {
          await trainings.view.predictLive(order, caseId);
          setState({ shownEpoch: best, isPredicting: false, problem: undefined });
        } catch (error) {
          setState((before) => ({ ...before, isPredicting: false, problem: messageOf(error) }));
        }
        const now = performance.now();
        restUntil.current = now + REST_PER_WORK * (now - started);
      },
      Math.max(0, restUntil.current - performance.now()),
    );
    return () => clearTimeout(timer);
  }, [trainings, order, caseId, best, shownEpoch, isPredicting, problem]);
  return state;
}
