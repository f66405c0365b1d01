// Notices of what could not be taken belong to the place where the action ended: they go when one moves on.
import { useCallback, useEffect, useRef } from 'react';
import type { SelectionStore } from '@/app/selectionStore';
import type { Place } from './placeNames';
import { addressedPlace } from './route';

/** Runs an action that may move to another place; earlier notices go, and those of the action stay where it ends. */
export type AsAction = (action: () => Promise<void>) => Promise<void>;

/** Keeps the notices of `place` alone. */
export function usePlaceNotices(selection: SelectionStore, place: Place): AsAction {
  const underWay = useRef(0);
  useEffect(() => {
    if (underWay.current > 0) return;
    selection.setState(({ problems }) => ({
      problems: problems.filter((one) => one.place === place),
    }));
  }, [selection, place]);
  return useCallback(
    async (action: () => Promise<void>) => {
      underWay.current++;
      selection.setState({ problems: [] });
      try {
        await action();
      } finally {
        underWay.current--;
        const end = addressedPlace();
        selection.setState(({ problems }) => ({ problems: problems.map((one) => ({ ...one, place: end })) }));
      }
    },
    [selection],
  );
}
