import { Button, CopyButton, Pagination, SegmentedControl, Table, Text, TextInput } from '@mantine/core';
import { IconAlertTriangle, IconCheck, IconCopy, IconSearch } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import type { CaseCheck } from '@/core/dataset/integrity';
import { formatXyz } from '@/shared/geometry';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { hasNoImages } from '../components/datasetSteps';
import { ScrollTable } from '../components/ScrollTable';
import { formatCount, plural } from '../formats';
import { labelColor } from '../labelColors';
import { MANY_LABELS, namesInShort } from '../labels/labelFilter';
import { addressOf, goTo } from '../route';
import { usePreferences } from '../useStudio';
import { casesThatFit, isAmong, problemsText, type WhichCases } from './caseFilter';
import styles from './data.module.css';
import { Findings } from './Findings';
import { withoutFlatAxis } from './flatAxis';
import { foregroundLabels } from './foregroundLabels';
import { ThumbnailImage } from './ThumbnailImage';
import { usePreviews } from './usePreviews';

const PAGE_SIZE = 50;

interface CaseTableProps {
  readonly dataset: DatasetRecord;
  /** `undefined` while they are read. */
  readonly checks: readonly CaseCheck[] | undefined;
}

/** Every case with its picture, facts and what the check says of it. */
export function CaseTable({ dataset, checks }: CaseTableProps) {
  const [text, setText] = useState('');
  const [which, setWhich] = useState<WhichCases>('all');
  const [page, setPage] = useState(1);
  const shown = useMemo(() => casesThatFit(checks ?? [], { text, which }), [checks, text, which]);
  const pages = Math.max(1, Math.ceil(shown.length / PAGE_SIZE));
  const current = Math.min(page, pages);
  const rows = shown.slice((current - 1) * PAGE_SIZE, current * PAGE_SIZE);
  const previews = usePreviews(dataset, rows);
  if (!checks) return null;
  const count = (wanted: WhichCases) => checks.filter((check) => isAmong(check, wanted)).length;
  const unlabelled = count('unlabelled');
  return (
    <>
      <DatasetFindings dataset={dataset} checks={checks} />
      <div className={styles.tools}>
        <SegmentedControl
          size="xs"
          aria-label="Which cases"
          value={which}
          onChange={(value) => {
            setWhich(value);
            setPage(1);
          }}
          data={[
            { value: 'all', label: `All ${checks.length}` },
            { value: 'problems', label: `Problems ${count('problems')}` },
            ...(unlabelled > 0 ? [{ value: 'unlabelled' as const, label: `Unlabelled ${unlabelled}` }] : []),
          ]}
        />
        <TextInput
          size="xs"
          w={220}
          leftSection={<IconSearch size={14} aria-hidden />}
          placeholder="Case or message"
          aria-label="Search cases"
          value={text}
          onChange={({ currentTarget }) => {
            setText(currentTarget.value);
            setPage(1);
          }}
        />
        <Text size="xs" c="dimmed" role="status">
          {shown.length === checks.length ? '' : `${plural(shown.length, 'case')} of ${checks.length}`}
        </Text>
        {pages > 1 && <Pagination ml="auto" size="xs" total={pages} value={current} onChange={setPage} />}
      </div>
      <ScrollTable name="Cases" minWidth={560}>
        <Table className={styles.table} highlightOnHover verticalSpacing={5} aria-label="Cases">
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={60}>
                <span className="visuallyHidden">Picture</span>
              </Table.Th>
              <Table.Th>Case</Table.Th>
              <Table.Th title="Voxels along x, y and z">Voxels</Table.Th>
              <Table.Th title="Size of a voxel along x, y and z">Voxel size, mm</Table.Th>
              <Table.Th title="Values that occur in the label map">Labels</Table.Th>
              <Table.Th>Check</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((check) => (
              <CaseRow
                key={check.caseId}
                dataset={dataset}
                check={check}
                thumbnail={previews.get(check.caseId)?.thumbnail}
              />
            ))}
          </Table.Tbody>
        </Table>
      </ScrollTable>
      {rows.length === 0 && (
        <Text size="sm" c="dimmed" ta="center" py="xl">
          {which === 'problems' && text === '' ? 'No case has a problem.' : 'No case fits.'}
        </Text>
      )}
    </>
  );
}

interface CaseRowProps {
  readonly dataset: DatasetRecord;
  readonly check: CaseCheck;
  readonly thumbnail: Parameters<typeof ThumbnailImage>[0]['thumbnail'];
}

function CaseRow({ dataset, check, thumbnail }: CaseRowProps) {
  const { caseId, shape, spacing, labels, findings, status } = check;
  return (
    <Table.Tr className={styles.row} onClick={() => goTo('data', dataset.name, caseId)}>
      <Table.Td>
        <ThumbnailImage thumbnail={thumbnail} />
      </Table.Td>
      <Table.Td>
        <a
          className={styles.caseLink}
          href={addressOf('data', dataset.name, caseId)}
          onClick={(event) => event.stopPropagation()}
        >
          {caseId}
        </a>
      </Table.Td>
      <Table.Td>{shape ? formatXyz(withoutFlatAxis(shape, shape)) : ''}</Table.Td>
      <Table.Td>{shape && spacing ? formatXyz(withoutFlatAxis(spacing, shape), 3) : ''}</Table.Td>
      <Table.Td>
        {status === 'unlabelled' ? (
          <Text size="xs" c="dimmed">
            no label map
          </Text>
        ) : (
          <LabelValues dataset={dataset} values={labels ?? []} />
        )}
      </Table.Td>
      <Table.Td>
        {status !== 'unlabelled' && findings.length > 0 ? (
          <Findings findings={findings} caseId={caseId} />
        ) : (
          <CheckResult dataset={dataset} status={status} />
        )}
      </Table.Td>
    </Table.Tr>
  );
}

function CheckResult({ dataset, status }: { dataset: DatasetRecord; status: CaseCheck['status'] }) {
  if (!dataset.check || !['ok', 'unlabelled'].includes(status))
    return (
      <Text size="xs" c="dimmed">
        {hasNoImages(dataset) ? 'image not here' : 'not checked'}
      </Text>
    );
  if (status === 'unlabelled') {
    return (
      <Text size="xs" c="dimmed">
        image ok
      </Text>
    );
  }
  return (
    <span className={styles.ok}>
      <IconCheck size={14} aria-hidden /> ok
    </span>
  );
}

function LabelValues({ dataset, values }: { dataset: DatasetRecord; values: readonly number[] }) {
  const colors = usePreferences((state) => state.labelColors);
  const nameOf = (value: number) =>
    dataset.labels.find(({ values: own }) => own.length === 1 && own[0] === value)?.name ?? 'not declared';
  const found = values.filter((value) => value !== 0);
  if (found.length > MANY_LABELS) return <LabelCount dataset={dataset} values={found} />;
  return (
    <span className={styles.labelValues}>
      {found.map((value) => (
        <span key={value} title={nameOf(value)}>
          <i className={styles.swatch} style={{ background: labelColor(value, colors) }} />
          {value}
        </span>
      ))}
    </span>
  );
}

/** How many of the declared labels a case has, and which it lacks. */
function LabelCount({ dataset, values }: { dataset: DatasetRecord; values: readonly number[] }) {
  const found = new Set(values);
  const declared = foregroundLabels(dataset);
  const missing = declared.filter(({ values: own }) => !own.some((value) => found.has(value)));
  return (
    <>
      {formatCount(declared.length - missing.length)} of {formatCount(declared.length)}
      {missing.length > 0 && (
        <span className={styles.missing}>
          without{' '}
          {namesInShort(
            missing.map(({ name }) => name),
            2,
          )}
        </span>
      )}
    </>
  );
}

/** What is wrong with the dataset as a whole, and a way to take all of it elsewhere. */
function DatasetFindings({ dataset, checks }: { dataset: DatasetRecord; checks: readonly CaseCheck[] }) {
  const { check } = dataset;
  if (!check || (check.errors === 0 && check.warnings === 0)) return null;
  return (
    <section className={styles.findings} data-bad={check.errors === 0 ? undefined : ''} aria-label="Problems">
      <div className={styles.findingsHead}>
        <IconAlertTriangle size={18} aria-hidden />
        <b>
          {check.errors === 0
            ? `${plural(check.warnings, 'warning')}${check.isTrainable ? '; the dataset can be used' : ''}`
            : `${plural(check.errors, 'error')}: the dataset cannot be planned or trained until they are corrected`}
        </b>
        <CopyButton value={problemsText(dataset, checks)}>
          {({ copied, copy }) => (
            <Button
              size="compact-xs"
              variant="default"
              leftSection={<IconCopy size={13} aria-hidden />}
              onClick={copy}
              ml="auto"
            >
              {copied ? 'Copied' : 'Copy all problems'}
            </Button>
          )}
        </CopyButton>
      </div>
      {check.findings.length > 0 && <Findings findings={check.findings} />}
      {check.badCases > 0 && (
        <Text size="xs" c="dimmed">
          {plural(check.badCases, 'case')} listed below with what to do. Correct the files, then drop the
          folder again.
        </Text>
      )}
    </section>
  );
}
