import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import { useShallow } from 'zustand/react/shallow';
import type { ChoicesState } from '@/app/choose/choiceStore';
import type { DatasetsState } from '@/app/data/datasetStore';
import type { EvaluationsState } from '@/app/evaluate/evaluationStore';
import type { LibraryState } from '@/app/models/modelsStore';
import { type Preferences, preferences } from '@/app/preferencesStore';
import type { CaseQueueState } from '@/app/segment/caseQueueStore';
import type { SelectionState } from '@/app/selectionStore';
import type { Studio } from '@/app/studio';
import type { BenchmarkState } from '@/app/system/benchmarkStore';
import type { SystemState } from '@/app/system/systemStore';
import type { TrainingsState } from '@/app/train/trainingsStore';

export const StudioContext = createContext<Studio | undefined>(undefined);

/** The studio this page was opened with. */
export function useStudio(): Studio {
  const studio = useContext(StudioContext);
  if (!studio) throw new Error('useStudio: no StudioContext above');
  return studio;
}

export function useQueue<Part>(select: (state: CaseQueueState) => Part): Part {
  return useStore(useStudio().queue.store, useShallow(select));
}

export function useLibrary<Part>(select: (state: LibraryState) => Part): Part {
  return useStore(useStudio().library.store, useShallow(select));
}

export function useDatasets<Part>(select: (state: DatasetsState) => Part): Part {
  return useStore(useStudio().datasets.store, useShallow(select));
}

export function useSystem<Part>(select: (state: SystemState) => Part): Part {
  return useStore(useStudio().system.store, useShallow(select));
}

export function useBenchmark<Part>(select: (state: BenchmarkState) => Part): Part {
  return useStore(useStudio().benchmark.store, useShallow(select));
}

export function useTrainings<Part>(select: (state: TrainingsState) => Part): Part {
  return useStore(useStudio().trainings.store, useShallow(select));
}

export function useEvaluations<Part>(select: (state: EvaluationsState) => Part): Part {
  return useStore(useStudio().evaluations.store, useShallow(select));
}

export function useChoices<Part>(select: (state: ChoicesState) => Part): Part {
  return useStore(useStudio().choices.store, useShallow(select));
}

export function useSelection<Part>(select: (state: SelectionState) => Part): Part {
  return useStore(useStudio().selection, useShallow(select));
}

export function usePreferences<Part>(select: (state: Preferences) => Part): Part {
  return useStore(preferences, useShallow(select));
}
