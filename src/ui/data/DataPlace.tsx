import { Title } from '@mantine/core';
import { Problems } from '../components/ErrorNote';
import type { PlaceProps } from '../placeProps';
import { useDatasets, useSelection } from '../useStudio';
import { DatasetCard } from './DatasetCard';
import { DatasetPage } from './DatasetPage';
import styles from './data.module.css';
import { ImportButtons } from './ImportButtons';
import { ImportNotice } from './ImportNotice';
import { LabelsDialog } from './LabelsDialog';
import { NameConflictDialog } from './NameConflictDialog';
import { NoDatasets } from './NoDatasets';
import { PairsDialog } from './PairsDialog';
import { StorageLine } from './StorageLine';
import { UnlabelledDialog } from './UnlabelledDialog';

/** Datasets kept in this browser. The default export is what `lazy` asks for. */
export default function DataPlace({ item: name, part: caseId, onFiles, onImages }: PlaceProps) {
  const { datasets, isLoaded } = useDatasets(({ datasets, isLoaded }) => ({ datasets, isLoaded }));
  if (!isLoaded) return null;
  const current = datasets.find((one) => one.name === name);
  return (
    <>
      {current ? (
        <DatasetPage key={current.name} dataset={current} caseId={caseId} onFiles={onFiles} />
      ) : (
        <DatasetList onFiles={onFiles} missing={name} />
      )}
      <PairsDialog onOpenImages={onImages} />
      <LabelsDialog />
      <NameConflictDialog />
      <UnlabelledDialog onOpenImages={onImages} />
    </>
  );
}

function DatasetList(props: { onFiles: PlaceProps['onFiles']; missing: string | undefined }) {
  const { onFiles, missing } = props;
  const datasets = useDatasets((state) => state.datasets);
  const hasProblems = useSelection(({ problems }) => problems.length > 0);
  return (
    <div className={styles.place}>
      <div className={styles.listHead}>
        <Title order={1} fz={22}>
          Data
        </Title>
        {datasets.length > 0 && (
          <div className={styles.buttons}>
            <ImportButtons onFiles={onFiles} size="sm" />
          </div>
        )}
      </div>
      {hasProblems && (
        <div className={styles.problems}>
          <Problems />
        </div>
      )}
      {missing && (
        <p className={styles.hint}>
          There is no dataset {missing} in this browser; if it was open here, another tab removed it.
        </p>
      )}
      <ImportNotice />
      {datasets.length === 0 ? (
        <NoDatasets onFiles={onFiles} />
      ) : (
        <div className={styles.grid}>
          {datasets.map((dataset) => (
            <DatasetCard key={dataset.name} dataset={dataset} />
          ))}
        </div>
      )}
      <StorageLine />
    </div>
  );
}
