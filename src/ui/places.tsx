// What draws each place: scripts of their own, of which the shell is there first.
import { Alert } from '@mantine/core';
import {
  IconBox,
  IconChartLine,
  IconCpu,
  IconDatabase,
  IconLayersSelectedBottom,
  IconRulerMeasure,
  type TablerIcon,
} from '@tabler/icons-react';
import { type ComponentType, lazy } from 'react';
import { PLACES, type Place, placeFacts, type RailPlace } from './placeNames';
import type { PlaceProps } from './placeProps';

/** Fetches the script of a place. */
type Load = () => Promise<{ readonly default: ComponentType<PlaceProps> }>;

const LOADS: Readonly<Record<Place, Load>> = {
  segment: () => import('./segment/SegmentPlace'),
  data: () => import('./data/DataPlace'),
  plan: () => import('./plan/PlanPlace'),
  train: () => import('./train/TrainPlace'),
  models: () => import('./models/ModelsPlace'),
  evaluate: () => import('./evaluate/EvaluatePlace'),
  choose: () => import('./choose/ChoosePlace'),
  system: () => import('./system/SystemPlace'),
};

/** What the rail shows of the places that have an entry there. */
export const PLACE_ICONS: Readonly<Record<RailPlace, TablerIcon>> = {
  segment: IconLayersSelectedBottom,
  data: IconDatabase,
  plan: IconRulerMeasure,
  train: IconChartLine,
  models: IconBox,
  system: IconCpu,
};

/** The page of each place; it is shown once its script is there. */
const PAGES: ReadonlyMap<string, ComponentType<PlaceProps>> = new Map(
  PLACES.map(({ name, title }) => {
    const missing = { default: () => <PlaceNotLoaded title={title} /> };
    return [name, lazy(() => LOADS[name]().catch(() => missing))];
  }),
);

/** The page of the place that is open. */
export function PlacePage({ place, ...props }: PlaceProps & { place: Place }) {
  const Page = PAGES.get(place);
  const { isFreshPerItem } = placeFacts(place);
  return Page && <Page key={isFreshPerItem ? `${place}/${props.item}` : place} {...props} />;
}

/** Fetches all of them in the page's load, whether shown or not, by title. */
export function fetchPlaces(): readonly [string, Promise<unknown>][] {
  return PLACES.map(({ name, title }) => [`Place “${title}”`, LOADS[name]()]);
}

function PlaceNotLoaded({ title }: { title: string }) {
  return (
    <Alert m="md" color="red" title={`nnStudio could not load its own part “${title}”`}>
      Reconnect to where nnStudio is served from, then reload the page. Your images, models and results are
      kept.
    </Alert>
  );
}
