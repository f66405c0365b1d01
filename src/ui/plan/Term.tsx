import { Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';
import styles from './plan.module.css';
import { TERMS } from './terms';

/** A word with its plain sentence, on hover and on focus. */
export function Term({ term, children }: { term: keyof typeof TERMS; children: ReactNode }) {
  return (
    <Tooltip
      label={TERMS[term]}
      multiline
      w={260}
      position="top-start"
      events={{ hover: true, focus: true, touch: true }}
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the sentence is for keyboards too */}
      <span className={styles.term} tabIndex={0}>
        {children}
      </span>
    </Tooltip>
  );
}
