import type { ReactNode } from 'react';
import type { LiveTraining, TrainingRecord } from '@/app/train/trainingRecord';
import { formatNetworkXyz } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import type { TrainingStart } from '@/workers/train/api';
import { formatLongTime } from '../components/planFormats';
import { bestEpoch, epochCount, formatDice, formatRate, formatStepTime } from '../components/trainFormats';
import { formatCount, formatPercent } from '../formats';
import styles from './train.module.css';

interface RunFiguresProps {
  readonly run: TrainingRecord;
  readonly live: LiveTraining | undefined;
}

/** The numbers of a run, each with what it means. */
export function RunFigures({ run, live }: RunFiguresProps) {
  const { epochs, start, validation, order } = run;
  if (!start) return null;
  const { done, running, total } = epochCount(run, live?.step);
  const last = epochs.at(-1);
  const best = bestEpoch(epochs);
  const perStep =
    live?.step?.secondsPerIteration ?? (last && last.seconds / order.schedule.iterationsPerEpoch);
  const seconds = epochs.reduce((sum, epoch) => sum + epoch.seconds, 0);
  const loss = live?.step?.loss ?? last?.trainLoss;
  return (
    <dl className={styles.figures} aria-label="Figures">
      {validation && (
        <Figure
          name="Validation Dice"
          meaning={`Overlap with the reference, 0 to 1: mean over the labels, of ${validation.cases.length} cases the network has not seen`}
        >
          {formatDice(validation.meanDice)}
        </Figure>
      )}
      <Figure name="Epochs" meaning="Epochs that are done; each ends with a validation on patches">
        {formatCount(done)} of {formatCount(total)}
        {running !== undefined && <small> ({formatCount(running)} is running)</small>}
      </Figure>
      <Figure
        name="Pseudo Dice, last epoch"
        meaning="Dice on patches of the validation cases in the last epoch that is done: quick, and a little lower than on whole images"
      >
        {formatDice(last?.meanFgDice)}
      </Figure>
      <Figure
        name="Pseudo Dice, EMA"
        meaning="Exponential moving average of the pseudo Dice: 0.9 of the one before and 0.1 of the last epoch. Where it is best, the best checkpoint is kept"
      >
        {formatDice(last?.emaFgDice)}{' '}
        {best && (
          <small>
            (best {formatDice(best.emaFgDice)}, epoch {formatCount(best.epoch + 1)})
          </small>
        )}
      </Figure>
      <Figure
        name="Loss"
        meaning="What training makes smaller: cross-entropy less Dice, so that below 0 is well on the way and −1 is perfect"
      >
        {loss === undefined ? '–' : loss.toFixed(3)}
      </Figure>
      <Figure name="Time per iteration" meaning="Time of one training iteration: forward, backward, update">
        {perStep ? formatStepTime(perStep) : '–'}
      </Figure>
      <Figure
        name="Speed"
        meaning="Arithmetic of one step in convolutions, by the time that it takes: what this GPU really does"
      >
        {perStep && start.flopsPerIteration > 0 ? formatRate(start.flopsPerIteration / perStep) : '–'}
      </Figure>
      <Figure
        name="GPU idle"
        meaning="Share of the last epoch in which the GPU stood still because its next patches were not ready"
      >
        {last ? formatPercent(last.dataWaitShare) : '–'}
      </Figure>
      <Figure name="GPU memory" meaning="All that this training allocates on the GPU">
        {formatBytes(start.allocatedBytes)}
      </Figure>
      <Figure name="Patch" meaning="Voxels that the network sees at once, and how many patches a step takes">
        {formatNetworkXyz(start.patchSize, start.transposeBackward ?? [0, 1, 2])}, batch {start.batchSize}
        <Parts start={start} />
      </Figure>
      <Figure name="Cases" meaning="Cases to learn from, and cases left out to validate on">
        {start.trainingCases.length} + {start.validationCases.length}
      </Figure>
      <Figure name="Training time" meaning="Time of all epochs together">
        {formatLongTime(seconds)}
      </Figure>
      <Figure name="GPU" meaning="The adapter it was trained on last">
        {start.adapter}
        {live && live.restarts > 0 && <small> (lost and opened again: {live.restarts})</small>}
      </Figure>
      {live?.keptAt !== undefined && (
        <Figure name="Last checkpoint" meaning="From here it goes on if the tab is closed now">
          {new Date(live.keptAt).toLocaleTimeString()}
        </Figure>
      )}
    </dl>
  );
}

/** What the GPU had no room for at once. */
function Parts({
  start: { batchSize, microBatch = batchSize, hasOtherRoundings },
}: {
  start: TrainingStart;
}) {
  if (microBatch === batchSize) return null;
  return (
    <small title="The GPU has no room for the whole batch; the gradients are the same">
      {' '}
      in parts of {microBatch}
      {hasOtherRoundings && ', fewer than before: from here on its roundings differ'}
    </small>
  );
}

function Figure({ name, meaning, children }: { name: string; meaning: string; children: ReactNode }) {
  return (
    <div title={meaning}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
