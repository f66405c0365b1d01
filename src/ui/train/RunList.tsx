import { useEffect, useRef } from 'react';
import type { TrainingRecord } from '@/app/train/trainingRecord';
import { bestEpoch, epochCount, epochsText, foldText } from '../components/trainFormats';
import { addressOf } from '../route';
import { useDatasetTitle } from '../useDatasetTitle';
import { useTrainings } from '../useStudio';
import { RunState } from './RunState';
import styles from './train.module.css';

/** All runs, newest first, with where each stands. */
export function RunList({ runs, shownId }: { runs: readonly TrainingRecord[]; shownId: string | undefined }) {
  return (
    <nav className={styles.list} aria-label="All trainings">
      {runs.map((run) => (
        <RunLink key={run.id} run={run} isShown={run.id === shownId} />
      ))}
    </nav>
  );
}

function RunLink({ run, isShown }: { run: TrainingRecord; isShown: boolean }) {
  const live = useTrainings((state) => (state.live?.id === run.id ? state.live : undefined));
  const { order, epochs, validation } = run;
  const title = useDatasetTitle(order.datasetName);
  const link = useRef<HTMLAnchorElement>(null);
  useEffect(() => {
    if (isShown) link.current?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [isShown]);
  const best = bestEpoch(epochs);
  return (
    <a href={addressOf('train', run.id)} className={styles.entry} aria-current={isShown ? 'page' : undefined}>
      <b>{title}</b>
      <span>
        {order.configurationName}, {foldText(order.fold)}
      </span>
      <span className={styles.entryFoot}>
        <RunState run={run} live={live} />
        <span>{epochsText(epochCount(run, live?.step))}</span>
        {validation ? (
          <span title="Mean Dice of the validation cases, over whole images">
            Dice {validation.meanDice.toFixed(3)}
          </span>
        ) : (
          best && (
            <span title="Exponential moving average (EMA) of the pseudo Dice, where it was best; the page says the last epoch's too">
              best EMA {best.emaFgDice.toFixed(3)}
            </span>
          )
        )}
      </span>
    </a>
  );
}
