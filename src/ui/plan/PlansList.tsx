import type { PlansEntry } from '@/app/plan/plansStore';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { addressOf } from '../route';
import styles from './plan.module.css';

interface PlansListProps {
  readonly entries: readonly PlansEntry[];
  readonly datasets: readonly DatasetRecord[];
  readonly shownId: string | undefined;
}

/** All plans, by dataset; files that belong to none here come last. */
export function PlansList({ entries, datasets, shownId }: PlansListProps) {
  const files = entries.filter(({ owner }) => owner === 'file');
  return (
    <nav className={styles.list} aria-label="All plans">
      {datasets.map(({ name }) => {
        const own = entries.filter(({ owner, datasetName }) => owner === 'dataset' && datasetName === name);
        return (
          <section key={name} aria-label={name}>
            <h2>{name}</h2>
            {own.length === 0 && (
              <a href={addressOf('plan', name)} className={styles.none}>
                no plans yet
              </a>
            )}
            {own.map((entry) => (
              <EntryLink key={entry.id} entry={entry} isShown={entry.id === shownId} />
            ))}
          </section>
        );
      })}
      {files.length > 0 && (
        <section aria-label="Plans files">
          <h2>Files</h2>
          {files.map((entry) => (
            <EntryLink key={entry.id} entry={entry} isShown={entry.id === shownId} />
          ))}
        </section>
      )}
    </nav>
  );
}

function EntryLink({ entry, isShown }: { entry: PlansEntry; isShown: boolean }) {
  return (
    <a
      href={addressOf('plan', entry.id)}
      aria-current={isShown ? 'page' : undefined}
      className={styles.entry}
    >
      {entry.plansName}
      {entry.owner === 'file' && <small>{entry.datasetName}</small>}
    </a>
  );
}
