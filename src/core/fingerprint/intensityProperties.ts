// Statistics of a channel over the draws of all cases, as numpy computes them from the concatenated float32 array.
import { forEachAtOnce, yieldToEventLoop } from '@/shared/concurrency';
import {
  type DrawnIntensities,
  type DrawPlacement,
  type DrawSurvey,
  FINE_BINS,
  intensityAt,
  refineDraws,
  surveyDraws,
} from './drawnIntensities';
import { joinSegments } from './numpySum';

/** In the order of the keys that nnU-Net writes. */
export interface IntensityPropertiesDocument extends Readonly<Record<string, number>> {
  readonly max: number;
  readonly mean: number;
  readonly median: number;
  readonly min: number;
  readonly percentile_00_5: number;
  readonly percentile_99_5: number;
  readonly std: number;
}

/** Looks at the draws of one case; may run in another thread. */
export interface DrawSurveyor {
  /** How many cases are looked at side by side. */
  readonly atOnce: number;
  survey(draws: DrawnIntensities, placement: DrawPlacement): DrawSurvey | Promise<DrawSurvey>;
  refine(
    draws: DrawnIntensities,
    placement: DrawPlacement,
    mean: number,
    bins: readonly number[],
  ): DrawSurvey | Promise<DrawSurvey>;
}

/** Looks at them in this thread. */
export const localSurveyor: DrawSurveyor = {
  atOnce: 1,
  survey: async (...look) => {
    await yieldToEventLoop();
    return surveyDraws(...look);
  },
  refine: async (...look) => {
    await yieldToEventLoop();
    return refineDraws(...look);
  },
};

export interface SurveyOptions {
  readonly surveyor?: DrawSurveyor;
  /** Share of the looks that is done, 0…1; may throw to stop. */
  readonly onLook?: (share: number) => void;
}

const LOW_PERCENT = 0.5;
const HIGH_PERCENT = 99.5;

const NOTHING: IntensityPropertiesDocument = {
  max: Number.NaN,
  mean: Number.NaN,
  median: Number.NaN,
  min: Number.NaN,
  percentile_00_5: Number.NaN,
  percentile_99_5: Number.NaN,
  std: Number.NaN,
};

/**
 * The properties of one channel from every case's draws, `samples` each. A case without foreground has no values and
 * adds nothing, but makes numpy go on in float64.
 */
export async function intensityProperties(
  cases: readonly DrawnIntensities[],
  samples: number,
  { surveyor = localSurveyor, onLook }: SurveyOptions = {},
): Promise<IntensityPropertiesDocument> {
  const drawn = cases.filter(({ values }) => values.length > 0);
  const total = drawn.length * samples;
  if (total === 0) return NOTHING;
  const isFloat64 = drawn.length < cases.length;
  const placed = drawn.map((draws, i) => ({
    draws,
    placement: { start: i * samples, count: samples, total },
  }));
  let looks = 0;
  const counted = (survey: DrawSurvey): DrawSurvey => {
    onLook?.(++looks / (2 * placed.length));
    return survey;
  };
  const coarse = await pooled(placed, surveyor.atOnce, async ({ draws, placement }) =>
    counted(await surveyor.survey(draws, placement)),
  );
  const mean = isFloat64 ? coarse.exactSum / total : Math.fround(coarse.sum / total);
  const bins = [...new Set(neededRanks(total).map((rank) => placeOf(coarse.counts, rank)))];
  const fine = await pooled(placed, surveyor.atOnce, async ({ draws, placement }) =>
    counted(await surveyor.refine(draws, placement, mean, bins)),
  );
  const variance = isFloat64 ? fine.exactSum / total : Math.fround(fine.sum / total);
  const at = (rank: number) => rankedIntensity(coarse.counts, bins, fine.counts, rank);
  const round = isFloat64 ? (value: number) => value : Math.fround;
  const quantile = (q: number) => interpolated(at, total, q, round);
  return {
    max: at(total - 1),
    mean,
    median: round(round(at(Math.floor((total - 1) / 2)) + at(Math.floor(total / 2))) / 2),
    min: at(0),
    percentile_00_5: quantile(LOW_PERCENT),
    percentile_99_5: quantile(HIGH_PERCENT),
    std: round(Math.sqrt(variance)),
  };
}

interface Pool {
  /** In float32, as numpy adds. */
  readonly sum: number;
  readonly exactSum: number;
  readonly counts: Float64Array;
}

async function pooled<T>(
  placed: readonly T[],
  atOnce: number,
  look: (each: T) => Promise<DrawSurvey>,
): Promise<Pool> {
  let counts = new Float64Array(0);
  const surveys: Omit<DrawSurvey, 'counts'>[] = new Array(placed.length);
  await forEachAtOnce(placed, atOnce, async (each, i) => {
    const survey = await look(each);
    if (counts.length === 0) counts = new Float64Array(survey.counts.length);
    for (let bin = 0; bin < counts.length; bin++) counts[bin] += survey.counts[bin];
    surveys[i] = { sums: survey.sums, exactSum: survey.exactSum };
  });
  return {
    sum: joinSegments(surveys.map(({ sums }) => sums)),
    exactSum: surveys.reduce((sum, each) => sum + each.exactSum, 0),
    counts,
  };
}

/** Every rank that a property reads. */
function neededRanks(total: number): readonly number[] {
  const around = [LOW_PERCENT, HIGH_PERCENT].map((q) => Math.floor((total - 1) * (q / 100)));
  const quantiles = around.flatMap((rank) => [rank, Math.min(rank + 1, total - 1)]);
  return [0, Math.floor((total - 1) / 2), Math.floor(total / 2), ...quantiles, total - 1].sort(
    (a, b) => a - b,
  );
}

/** The bin that holds the draw of that rank, in ascending order. */
function placeOf(counts: Float64Array, rank: number): number {
  let below = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    below += counts[bin];
    if (below > rank) return bin;
  }
  throw new Error(`intensityProperties: rank ${rank} of ${below} draws`);
}

function rankedIntensity(
  coarse: Float64Array,
  bins: readonly number[],
  fine: Float64Array,
  rank: number,
): number {
  const bin = placeOf(coarse, rank);
  const below = coarse.subarray(0, bin).reduce((sum, count) => sum + count, 0);
  const start = bins.indexOf(bin) * FINE_BINS;
  return intensityAt(bin, placeOf(fine.subarray(start, start + FINE_BINS), rank - below));
}

/** Linear interpolation between order statistics at position q·(n − 1), from the nearer end, as numpy does. */
function interpolated(
  at: (rank: number) => number,
  total: number,
  q: number,
  round: (value: number) => number,
): number {
  const position = (total - 1) * (q / 100);
  const rank = Math.floor(position);
  const fraction = position - rank;
  const [low, high] = [at(rank), at(Math.min(rank + 1, total - 1))];
  const difference = round(high - low);
  return fraction >= 0.5 ? high - difference * (1 - fraction) : low + difference * fraction;
}
