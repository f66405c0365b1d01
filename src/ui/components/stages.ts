import type { PredictStage } from '@/core/inference/settings';
import type { CaseProgress } from '@/workers/segment/api';

/** What each stage does, for people. */
const STAGE_NAMES: Readonly<Record<PredictStage, string>> = {
  reading: 'Getting ready',
  preprocessing: 'Preparing the image',
  network: 'Segmenting',
  exporting: 'Putting the result together',
  writing: 'Saving',
};

/** Where each stage begins on the bar and how much of it it takes; the network is nearly everything. */
const SPANS: Readonly<Record<PredictStage, readonly [number, number]>> = {
  reading: [0, 0.03],
  preprocessing: [0.03, 0.07],
  network: [0.1, 0.82],
  exporting: [0.92, 0.06],
  writing: [0.98, 0.02],
};

/** What a case is at, for people. */
export function stageText(
  progress: Pick<CaseProgress, 'stage' | 'cascadeStage' | 'member'> | undefined,
): string {
  const name = STAGE_NAMES[progress?.stage ?? 'reading'];
  const places = [
    progress?.member && `Model ${progress.member.number} of ${progress.member.count}`,
    progress?.cascadeStage && `Stage ${progress.cascadeStage} of 2`,
  ].filter(Boolean);
  return places.length > 0 ? `${places.join(', ')}: ${lowerFirst(name)}` : name;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Share of the whole case, 0…1; the stages of a cascade are half of it each, models of an ensemble their part. */
export function overallShare(progress: CaseProgress | undefined): number {
  if (!progress) return 0;
  const [start, length] = SPANS[progress.stage];
  const share = start + length * progress.share;
  const ofModel = progress.cascadeStage ? (progress.cascadeStage - 1 + share) / 2 : share;
  return progress.member ? (progress.member.number - 1 + ofModel) / progress.member.count : ofModel;
}
