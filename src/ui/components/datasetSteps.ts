// The four steps of a dataset: where each stands, and which is next.
import type { RunningTask, TaskFailure } from '@/app/data/datasetStore';
import { DEFAULT_CONFIGURATIONS } from '@/core/planning/plans';
import type { DatasetRecord, DatasetTask } from '@/storage/datasetRecord';
import { formatCount, plural } from '../formats';

export type StepKind = DatasetTask['kind'];
export type StepState = 'done' | 'failed' | 'running' | 'waiting' | 'next' | 'later';

export interface DatasetStep {
  readonly kind: StepKind;
  readonly name: string;
  /** What it is for, in one sentence. */
  readonly meaning: string;
  readonly state: StepState;
  /** Where it stands, in words. */
  readonly text: string;
  /** It lacks nothing but label maps. */
  readonly needsLabels: boolean;
}

const STEPS: readonly Pick<DatasetStep, 'kind' | 'name' | 'meaning'>[] = [
  {
    kind: 'check',
    name: 'Check',
    meaning: "nnU-Net's integrity check: every file is read, image and label map compared.",
  },
  {
    kind: 'fingerprint',
    name: 'Fingerprint',
    meaning: 'Shapes, spacings and intensities of all cases: what planning goes by.',
  },
  {
    kind: 'plan',
    name: 'Plan',
    meaning: 'nnU-Net derives patch size, batch size and network from the fingerprint.',
  },
  {
    kind: 'preprocess',
    name: 'Preprocess',
    meaning: 'Cases are cropped, normalised and resampled for training.',
  },
];

interface Activity {
  readonly running: RunningTask | undefined;
  readonly failure: TaskFailure | undefined;
}

export function stepsOf(dataset: DatasetRecord, { running, failure }: Activity): readonly DatasetStep[] {
  const isDone = doneSteps(dataset);
  let hasNext = false;
  return STEPS.map((step) => {
    const { kind } = step;
    const isRunning = running?.name === dataset.name && running.task.kind === kind;
    const isWaiting = dataset.tasks.some((task) => task.kind === kind);
    const isBad = kind === 'check' && dataset.check?.isTrainable === false && !needsLabels(dataset);
    const isNext = !isDone[kind] && !hasNext;
    if (isNext) hasNext = true;
    const state: StepState = isRunning
      ? 'running'
      : isWaiting
        ? 'waiting'
        : isBad || failure?.kind === kind
          ? 'failed'
          : isDone[kind]
            ? 'done'
            : isNext
              ? 'next'
              : 'later';
    return {
      ...step,
      state,
      text: stateText(state, dataset) ?? textOf(kind, dataset),
      needsLabels: needsLabels(dataset),
    };
  });
}

function doneSteps(dataset: DatasetRecord): Readonly<Record<StepKind, boolean>> {
  return {
    check: hasNoImages(dataset) || (dataset.check?.isTrainable ?? false),
    fingerprint: dataset.hasFingerprint,
    plan: dataset.plans.length > 0,
    preprocess: dataset.preprocessed.some(({ cases }) => cases === dataset.caseCount),
  };
}

/** Whether the check found nothing wrong, but cases without a label map. */
function needsLabels({ check, unlabelled = 0 }: DatasetRecord): boolean {
  return check !== undefined && !check.isTrainable && check.errors === 0 && unlabelled > 0;
}

/** Whether only what nnU-Net preprocessed elsewhere is here: nothing can be computed from the images. */
export function hasNoImages({ kind }: DatasetRecord): boolean {
  return kind === 'preprocessed';
}

function stateText(state: StepState, dataset: DatasetRecord): string | undefined {
  const { check } = dataset;
  if (state === 'waiting') return 'Queued';
  if (state === 'later' && needsLabels(dataset)) return 'Waits for the label maps';
  if (state === 'later' && check?.isTrainable === false) return 'Waits until the errors are corrected';
  return undefined;
}

function textOf(kind: StepKind, dataset: DatasetRecord): string {
  const { check, caseCount, unlabelled = 0, plans, preprocessed } = dataset;
  switch (kind) {
    case 'check':
      if (hasNoImages(dataset)) return 'Preprocessed elsewhere; the images are not here';
      if (!check) return 'Not checked yet';
      if (needsLabels(dataset)) {
        return `${formatCount(unlabelled)} of ${plural(caseCount, 'case')} without a label map`;
      }
      if (!check.isTrainable) return `${plural(check.errors, 'error')} in ${plural(check.badCases, 'case')}`;
      return check.warnings > 0
        ? `No errors, ${plural(check.warnings, 'warning')}`
        : `${plural(caseCount, 'case')}, no errors`;
    case 'fingerprint':
      return dataset.hasFingerprint ? `${plural(caseCount, 'case')} analysed` : 'Not computed';
    case 'plan':
      return plans.length > 0 ? plans.join(', ') : 'Not planned yet';
    case 'preprocess':
      if (preprocessed.length === 0) return 'Not preprocessed yet';
      return preprocessed
        .map(({ dataIdentifier, cases }) =>
          cases === caseCount
            ? dataIdentifier
            : `${dataIdentifier}: ${formatCount(cases)} of ${formatCount(caseCount)}`,
        )
        .join(', ');
    default:
      return kind satisfies never;
  }
}

/** What is left to do before training, by nnU-Net's default planner. */
export function remainingTasks(dataset: DatasetRecord): readonly DatasetTask[] {
  const isDone = doneSteps(dataset);
  const plansName = dataset.plans[0] ?? DEFAULT_PLANS.name;
  const tasks: readonly DatasetTask[] = [
    { kind: 'check' },
    { kind: 'fingerprint' },
    { kind: 'plan', planner: DEFAULT_PLANS.planner },
    { kind: 'preprocess', plansName, configurations: DEFAULT_CONFIGURATIONS },
  ];
  return tasks.filter(({ kind }) => !isDone[kind]);
}

const DEFAULT_PLANS = { planner: 'ExperimentPlanner', name: 'nnUNetPlans' } as const;
