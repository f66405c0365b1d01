import type { Finding } from '@/core/dataset/integrity';
import styles from './data.module.css';

/** Errors and warnings, each with what to do. */
export function Findings({ findings }: { findings: readonly Finding[] }) {
  return findings.map(({ severity, message }) => (
    <span key={message} className={styles.finding} data-severity={severity}>
      <b>{severity === 'error' ? 'Error' : 'Warning'}:</b> {message}
    </span>
  ));
}
