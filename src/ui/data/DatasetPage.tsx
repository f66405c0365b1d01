import { ActionIcon, Badge, Group, Menu, Tabs, Title } from '@mantine/core';
import { IconArrowLeft, IconDots, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { formatBytes } from '@/shared/numeric';
import type { DatasetRecord } from '@/storage/datasetRecord';
import type { GivenFile } from '@/workers/files/api';
import { EditableName } from '../components/EditableName';
import { formatCount } from '../formats';
import { LabelNames } from '../labels/LabelNames';
import { addressOf } from '../route';
import { useDatasets, useStudio } from '../useStudio';
import { CaseTable } from './CaseTable';
import { CaseViewer } from './CaseViewer';
import styles from './data.module.css';
import { FilesTab } from './FilesTab';
import { foregroundLabels } from './foregroundLabels';
import { OverviewTab } from './OverviewTab';
import { RemoveDialog } from './RemoveDialog';
import { SplitsTab } from './SplitsTab';
import { Statistics } from './Statistics';
import { StepRow } from './StepRow';
import { UnlabelledNote } from './UnlabelledNote';
import { useChecks } from './useChecks';

interface DatasetPageProps {
  readonly dataset: DatasetRecord;
  readonly caseId: string | undefined;
  readonly onFiles: (files: readonly GivenFile[]) => Promise<void>;
}

/** One dataset: its steps, cases, figures, splits and files. */
export function DatasetPage({ dataset, caseId, onFiles }: DatasetPageProps) {
  const checks = useChecks(dataset);
  const [tab, setTab] = useState<string | null>('cases');
  const [isRemoving, setIsRemoving] = useState(false);
  const { datasets } = useStudio();
  const taken = useDatasets((state) =>
    state.datasets.filter(({ name }) => name !== dataset.name).map(({ title }) => title),
  );
  if (caseId !== undefined) {
    return <CaseViewer dataset={dataset} caseId={caseId} checks={checks} />;
  }
  return (
    <div className={styles.page}>
      <header className={styles.header}>
        <a className={styles.back} href={addressOf('data')}>
          <IconArrowLeft size={14} aria-hidden />
          All datasets
        </a>
        <Group gap="sm" mt={2} wrap="nowrap">
          <EditableName
            name={dataset.title}
            rules={{ what: 'dataset', taken }}
            onRename={(title) => datasets.rename(dataset.name, title)}
          >
            <Title order={1} fz={22} lineClamp={2} title={dataset.title} style={{ overflowWrap: 'anywhere' }}>
              {dataset.title}
            </Title>
          </EditableName>
          <Badge variant="light" color="gray" tt="none" style={{ flexShrink: 0 }}>
            {dataset.name.slice(0, 10)}
          </Badge>
          <MoreMenu onRemove={() => setIsRemoving(true)} />
        </Group>
        <HeaderFacts dataset={dataset} />
      </header>
      <StepRow dataset={dataset} />
      <div className={styles.body}>
        <UnlabelledNote
          dataset={dataset}
          example={checks?.find(({ status }) => status === 'unlabelled')?.caseId ?? 'anna'}
          onFiles={onFiles}
        />
        <Tabs value={tab} onChange={setTab} keepMounted={false}>
          <Tabs.List className={styles.tabs}>
            <Tabs.Tab value="cases">Cases</Tabs.Tab>
            <Tabs.Tab value="overview">Overview</Tabs.Tab>
            <Tabs.Tab value="statistics">Figures</Tabs.Tab>
            <Tabs.Tab value="splits">Splits</Tabs.Tab>
            <Tabs.Tab value="files">Files and storage</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="cases">
            <CaseTable dataset={dataset} checks={checks} />
          </Tabs.Panel>
          <Tabs.Panel value="overview">
            <OverviewTab dataset={dataset} />
          </Tabs.Panel>
          <Tabs.Panel value="statistics">
            <Statistics dataset={dataset} checks={checks ?? []} />
          </Tabs.Panel>
          <Tabs.Panel value="splits">
            <SplitsTab dataset={dataset} />
          </Tabs.Panel>
          <Tabs.Panel value="files">
            <FilesTab dataset={dataset} onRemove={() => setIsRemoving(true)} />
          </Tabs.Panel>
        </Tabs>
      </div>
      <RemoveDialog dataset={dataset} opened={isRemoving} onClose={() => setIsRemoving(false)} />
    </div>
  );
}

function HeaderFacts({ dataset }: { dataset: DatasetRecord }) {
  const { caseCount, channelNames, fileEnding, rawBytes, ignoreLabel } = dataset;
  return (
    <div className={styles.headerFacts}>
      <span>{formatCount(caseCount)} cases</span>
      <span>{channelNames.join(', ')}</span>
      <span>{fileEnding}</span>
      <span>{formatBytes(rawBytes)}</span>
      <LabelNames labels={foregroundLabels(dataset)} ignoreLabel={ignoreLabel} />
    </div>
  );
}

function MoreMenu({ onRemove }: { onRemove: () => void }) {
  return (
    <Menu position="bottom-start">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label="More">
          <IconDots size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          color="var(--studio-bad)"
          leftSection={<IconTrash size={15} aria-hidden />}
          onClick={onRemove}
        >
          Remove the dataset
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
