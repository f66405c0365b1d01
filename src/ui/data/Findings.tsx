import type { Finding } from '@/core/dataset/findings';
import styles from './data.module.css';

interface FindingsProps {
  readonly findings: readonly Finding[];
  /** Of the case they are shown with: it need not be said again. */
  readonly caseId?: string;
}

/** Errors and warnings, each with what to do. */
export function Findings({ findings, caseId }: FindingsProps) {
  return findings.map(({ severity, message }) => (
    <span key={message} className={styles.finding} data-severity={severity}>
      <b>{severity === 'error' ? 'Error' : 'Warning'}:</b> {withoutCase(message, caseId)}
    </span>
  ));
}

function withoutCase(message: string, caseId: string | undefined): string {
  return message.startsWith(`${caseId}: `) ? message.slice(`${caseId}: `.length) : message;
}
