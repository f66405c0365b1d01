// Parts of the page that are scripts of their own: the frame is there before them.
import { Alert } from '@mantine/core';
import { type ComponentType, lazy } from 'react';

/** One part: it is shown once it is there. All are fetched in the page's load, whether shown or not. */
function part<Props>(title: string, load: () => Promise<{ readonly default: ComponentType<Props> }>) {
  const missing = { default: () => <PartNotLoaded title={title} /> };
  return { title, load, Component: lazy<ComponentType<Props>>(() => load().catch(() => missing)) };
}

const PARTS = {
  segment: part('Segment', () => import('./segment/SegmentPlace')),
  data: part('Data', () => import('./data/DataPlace')),
  plan: part('Plan', () => import('./plan/PlanPlace')),
  train: part('Train', () => import('./train/TrainPlace')),
  evaluate: part('Evaluate', () => import('./evaluate/EvaluatePlace')),
  choose: part('Choose', () => import('./choose/ChoosePlace')),
};

export const SegmentPlace = PARTS.segment.Component;
export const DataPlace = PARTS.data.Component;
export const PlanPlace = PARTS.plan.Component;
export const TrainPlace = PARTS.train.Component;
export const EvaluatePlace = PARTS.evaluate.Component;
export const ChoosePlace = PARTS.choose.Component;

/** Fetches all of them, by title. */
export function fetchPlaces(): readonly [string, Promise<unknown>][] {
  return Object.values(PARTS).map(({ title, load }) => [`Place “${title}”`, load()]);
}

function PartNotLoaded({ title }: { title: string }) {
  return (
    <Alert m="md" color="red" title={`nnStudio could not load its own part “${title}”`}>
      Reconnect to where nnStudio is served from, then reload the page. Your images, models and results are
      kept.
    </Alert>
  );
}
