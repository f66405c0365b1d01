import { ActionIcon, Alert, Button, CopyButton, Group, SegmentedControl, Tooltip } from '@mantine/core';
import {
  IconArrowDown,
  IconCheck,
  IconCopy,
  IconDownload,
  IconFolderSymlink,
  IconTrash,
} from '@tabler/icons-react';
import { useMemo, useRef, useState } from 'react';
import type { PlansEntry } from '@/app/plan/plansStore';
import { axisNames, type PlansOverview, plansOverview } from '@/core/planning/plansOverview';
import { messageOf } from '@/shared/errors';
import { CostNote } from '../components/CostNote';
import { formatSpacing, formatVoxels } from '../components/planFormats';
import { useCosts, useDatasetOf, usePlans } from '../components/usePlans';
import { plural } from '../formats';
import { ComparePlans } from './ComparePlans';
import { ConfigurationTable } from './ConfigurationTable';
import { EditPlans } from './EditPlans';
import { JsonEditor } from './JsonEditor';
import { MoveDialog } from './MoveDialog';
import { NetworkDrawing } from './NetworkDrawing';
import { PatchDrawing } from './PatchDrawing';
import { PatchOverCase } from './PatchOverCase';
import styles from './plan.module.css';
import { downloadPlans } from './planActions';
import { RemoveDialog } from './RemoveDialog';
import { Term } from './Term';

type Mode = 'look' | 'json' | 'edit' | 'compare';

/** One plans file: looked at, edited, compared. */
export function PlansPage({ entry }: { entry: PlansEntry }) {
  const { overview, problem } = useMemo(() => readOverview(entry), [entry]);
  const [mode, setMode] = useState<Mode>('look');
  const [dialog, setDialog] = useState<'move' | 'remove'>();
  const back = () => setMode('look');
  return (
    <article className={styles.page} aria-label={`${entry.plansName} of ${entry.datasetName}`}>
      <header className={styles.head}>
        <div className={styles.names}>
          <h2>{entry.plansName}</h2>
          <p>
            {entry.datasetName}
            {entry.owner === 'file' && <> · from the file {entry.fileName}</>}
          </p>
        </div>
        <PageActions entry={entry} mode={mode} onMode={setMode} onDialog={setDialog} />
      </header>
      {problem && mode !== 'json' && (
        <Alert color="red" variant="light" role="alert">
          {problem}
        </Alert>
      )}
      {overview && mode === 'look' && <Overview entry={entry} overview={overview} />}
      {overview && mode === 'edit' && <EditPlans entry={entry} overview={overview} onDone={back} />}
      {overview && mode === 'compare' && <ComparePlans entry={entry} />}
      {mode === 'json' && <JsonEditor entry={entry} onDone={back} />}
      {dialog === 'move' && <MoveDialog entry={entry} onClose={() => setDialog(undefined)} />}
      {dialog === 'remove' && <RemoveDialog entry={entry} onClose={() => setDialog(undefined)} />}
    </article>
  );
}

/** A dataset's folder may hold plans that nobody checked. */
function readOverview({ text, fileName }: PlansEntry): { overview?: PlansOverview; problem?: string } {
  try {
    return { overview: plansOverview(text, fileName) };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

interface PageActionsProps {
  readonly entry: PlansEntry;
  readonly mode: Mode;
  readonly onMode: (mode: Mode) => void;
  readonly onDialog: (dialog: 'move' | 'remove') => void;
}

const MODES: readonly { value: Mode; label: string }[] = [
  { value: 'look', label: 'Overview' },
  { value: 'edit', label: 'Edit' },
  { value: 'compare', label: 'Compare' },
  { value: 'json', label: 'JSON' },
];

function PageActions({ entry, mode, onMode, onDialog }: PageActionsProps) {
  const hasDatasets = usePlans((state) => state.datasets.length > 0);
  return (
    <Group gap="xs">
      <SegmentedControl
        size="sm"
        aria-label="What to do with these plans"
        data={[...MODES]}
        value={mode}
        onChange={(value) => onMode(MODES.find((one) => one.value === value)?.value ?? 'look')}
      />
      <Button
        size="sm"
        variant="default"
        leftSection={<IconDownload size={16} aria-hidden />}
        onClick={() => downloadPlans(entry)}
      >
        Download
      </Button>
      <CopyButton value={entry.text}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? 'Copied' : 'Copy the JSON'}>
            <ActionIcon
              size={36}
              variant="default"
              aria-label={copied ? 'Copied' : 'Copy the JSON'}
              onClick={copy}
            >
              {copied ? <IconCheck size={17} /> : <IconCopy size={17} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
      {hasDatasets && (
        <Tooltip label="Use for another dataset">
          <ActionIcon
            size={36}
            variant="default"
            aria-label="Use for another dataset"
            onClick={() => onDialog('move')}
          >
            <IconFolderSymlink size={17} />
          </ActionIcon>
        </Tooltip>
      )}
      <Tooltip label="Delete">
        <ActionIcon
          size={36}
          variant="subtle"
          color="gray"
          aria-label={`Delete ${entry.plansName}`}
          onClick={() => onDialog('remove')}
        >
          <IconTrash size={17} />
        </ActionIcon>
      </Tooltip>
    </Group>
  );
}

function Overview({ entry, overview }: { entry: PlansEntry; overview: PlansOverview }) {
  const dataset = useDatasetOf(entry);
  const costs = useCosts(overview, dataset);
  const [chosen, setChosen] = useState(() => firstChoice(overview));
  const drawings = useRef<HTMLDivElement>(null);
  const showDrawing = () => {
    drawings.current?.scrollIntoView({ block: 'start' });
    drawings.current?.focus({ preventScroll: true });
  };
  const configuration = overview.configurations.find(({ name }) => name === chosen);
  const cost = configuration && costs.get(configuration.name);
  return (
    <>
      <Group justify="space-between" gap="xs">
        <PlansFacts overview={overview} />
        <Button
          size="compact-sm"
          variant="subtle"
          rightSection={<IconArrowDown size={15} aria-hidden />}
          onClick={showDrawing}
        >
          Network and patch diagrams
        </Button>
      </Group>
      <ConfigurationTable
        configurations={overview.configurations}
        transposeBackward={overview.transposeBackward}
        costs={costs}
        channelNames={dataset?.channelNames}
        chosen={chosen}
        onChoose={setChosen}
      />
      <CostNote costs={costs} />
      {configuration && (
        <div className={styles.drawings} ref={drawings} tabIndex={-1}>
          <section className={styles.card} aria-label={`Network of ${chosen}`}>
            <h3>
              Network <span>{chosen}</span>
            </h3>
            {configuration.configuration && cost?.status === 'known' ? (
              <NetworkDrawing
                configuration={configuration.configuration}
                transposeBackward={overview.transposeBackward}
                channels={cost.channels}
              />
            ) : (
              <Alert color="yellow" variant="light">
                {cost?.status === 'unknown' ? cost.reason : configuration.problem}
              </Alert>
            )}
          </section>
          <section className={styles.card} aria-label={`Patch of ${chosen}`}>
            <h3>
              Patch over the median case <span>{chosen}</span>
            </h3>
            <PatchDrawing
              {...configuration}
              transposeForward={overview.transposeForward}
              transposeBackward={overview.transposeBackward}
            />
            {dataset && <PatchOverCase dataset={dataset} overview={overview} configuration={configuration} />}
          </section>
        </div>
      )}
    </>
  );
}

/** 3D at full resolution is what most people train. */
function firstChoice({ configurations }: PlansOverview): string {
  const preferred = configurations.find(({ name }) => name === '3d_fullres');
  return (preferred ?? configurations[0])?.name ?? '';
}

function PlansFacts({ overview }: { overview: PlansOverview }) {
  const { plannerName, readerName, medianSpacing, medianShape, channels } = overview;
  const { transposeForward, transposeBackward } = overview;
  return (
    <dl className={styles.facts}>
      <div>
        <dt>
          <Term term="planner">Planner</Term>
        </dt>
        <dd>{plannerName ?? 'not reported'}</dd>
      </div>
      {medianShape && medianSpacing && (
        <div>
          <dt>
            <Term term="medianCase">Median case</Term>
          </dt>
          <dd>
            {formatVoxels(medianShape, transposeBackward)} voxels of{' '}
            {formatSpacing(medianSpacing, transposeBackward)} mm
          </dd>
        </div>
      )}
      <div>
        <dt>Channels</dt>
        <dd>{plural(channels, 'channel')}</dd>
      </div>
      <div>
        <dt>
          <Term term="axes">Axes of the network</Term>
        </dt>
        <dd>{axisNames(transposeForward, 3).join(', ')}</dd>
      </div>
      <div>
        <dt>
          <Term term="reader">Reader</Term>
        </dt>
        <dd>{readerName ?? 'not reported'}</dd>
      </div>
    </dl>
  );
}
