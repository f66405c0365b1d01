import { useEffect, useState } from 'react';
import { messageOf } from '@/shared/errors';
import type { EvaluationPreview, EvaluationSources } from '@/workers/evaluate/api';
import { useStudio } from '../useStudio';

/** What the given files come to. */
export type PreviewState =
  | { readonly status: 'nothing' | 'reading' }
  | { readonly status: 'known'; readonly preview: EvaluationPreview }
  | { readonly status: 'failed'; readonly name: string; readonly message: string };

/** Pairs both sides whenever one of them changes. */
export function usePreview(sources: EvaluationSources | undefined): PreviewState {
  const { evaluations } = useStudio();
  const [state, setState] = useState<PreviewState>({ status: 'nothing' });
  const key =
    sources && JSON.stringify([keyOf(sources.predictions), keyOf(sources.references), paths(sources.images)]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the sources
  useEffect(() => {
    if (!sources) {
      setState({ status: 'nothing' });
      return;
    }
    let isCurrent = true;
    setState({ status: 'reading' });
    evaluations.api.preview(sources).then(
      (preview) => isCurrent && setState({ status: 'known', preview }),
      (error: unknown) => {
        const name = error instanceof Error ? error.name : 'Error';
        if (isCurrent) setState({ status: 'failed', name, message: messageOf(error) });
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [evaluations, key]);
  return state;
}

function keyOf(side: EvaluationSources['predictions'] | EvaluationSources['references']) {
  switch (side.kind) {
    case 'files':
      return paths(side.files);
    case 'cases':
      return side.cases.map(({ id, result }) => [id, result?.finishedAt]);
    case 'dataset':
      return side.name;
    default:
      return side satisfies never;
  }
}

function paths(files: EvaluationSources['images']) {
  return files.map(({ path, content }) => [path, content.size]);
}
