import { useCallback, useEffect, useRef, useState } from 'react';
import { isAbort, messageOf } from '@/shared/errors';
import type { OverviewFailure, OverviewPicture } from '@/workers/data/api';
import { useStudio } from '../useStudio';

/** A picture that the page can show. */
interface ShownPicture extends OverviewPicture {
  readonly url: string;
}

export interface Overview {
  readonly status: 'drawing' | 'done' | 'cancelled' | 'failed';
  readonly pictures: readonly ShownPicture[];
  /** Cases that could not be drawn. */
  readonly failures: readonly OverviewFailure[];
  /** Of the whole; where `status` is `failed`. */
  readonly problem?: string;
}

const BEGUN: Overview = { status: 'drawing', pictures: [], failures: [] };

/** Pictures of a dataset's cases, drawn as long as they are looked at; another channel begins anew. */
export function useOverview(name: string, channel: number) {
  const { datasets } = useStudio();
  const [overview, setOverview] = useState<Overview>(BEGUN);
  const call = useRef<string>(undefined);
  const [attempt, setAttempt] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt draws again
  useEffect(() => {
    const callId = crypto.randomUUID();
    const urls: string[] = [];
    let isCurrent = true;
    call.current = callId;
    setOverview(BEGUN);
    const take = (picture: OverviewPicture) => {
      if (!isCurrent) return;
      const url = URL.createObjectURL(new Blob([picture.png], { type: 'image/png' }));
      urls.push(url);
      setOverview((now) => ({ ...now, pictures: [...now.pictures, { ...picture, url }] }));
    };
    const end = (change: Partial<Overview>) => isCurrent && setOverview((now) => ({ ...now, ...change }));
    datasets.api.drawOverview(name, channel, callId, take).then(
      (failures) => end({ status: 'done', failures }),
      (error: unknown) =>
        end(isAbort(error) ? { status: 'cancelled' } : { status: 'failed', problem: messageOf(error) }),
    );
    return () => {
      isCurrent = false;
      datasets.api.cancel(callId);
      for (const url of urls) URL.revokeObjectURL(url);
    };
  }, [datasets, name, channel, attempt]);
  const cancel = useCallback(() => {
    if (call.current) datasets.api.cancel(call.current);
  }, [datasets]);
  return { overview, cancel, drawAgain: () => setAttempt((count) => count + 1) };
}
