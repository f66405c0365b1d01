import type { CaseCheck } from '@/core/dataset/integrity';
import type { DatasetRecord } from '@/storage/datasetRecord';
import styles from './data.module.css';

export function Statistics({ dataset, checks }: { dataset: DatasetRecord; checks: readonly CaseCheck[] }) {
  return (
    <div className={styles.sections}>
      {dataset.name} {checks.length}
    </div>
  );
}
