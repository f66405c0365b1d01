import { useEffect, useState } from 'react';
import type { TrainingRecord } from '@/app/train/trainingRecord';
import { messageOf } from '@/shared/errors';
import { useStudio } from '../useStudio';
import styles from './train.module.css';

/** nnU-Net's text log, read when it is opened and with every epoch. */
export function RunLog({ run }: { run: TrainingRecord }) {
  const { trainings } = useStudio();
  const [isOpen, setIsOpen] = useState(false);
  const [text, setText] = useState('');
  const { order, epochs, validation } = run;
  // biome-ignore lint/correctness/useExhaustiveDependencies: read again with every epoch
  useEffect(() => {
    if (!isOpen) return;
    let isCurrent = true;
    trainings.view
      .readTexts(order)
      .then(({ log }) => log, messageOf)
      .then((found) => isCurrent && setText(found));
    return () => {
      isCurrent = false;
    };
  }, [trainings, order, isOpen, epochs.length, validation]);
  return (
    <details className={styles.log} onToggle={({ currentTarget }) => setIsOpen(currentTarget.open)}>
      <summary>
        Log <span>nnU-Net's own, which counts epochs from 0</span>
      </summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a keyboard scrolls what has the focus */}
      <pre tabIndex={0}>{text || 'Nothing yet.'}</pre>
    </details>
  );
}
