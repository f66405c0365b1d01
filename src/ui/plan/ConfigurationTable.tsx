import { Badge } from '@mantine/core';
import type { ReactNode } from 'react';
import type { ConfigurationCost } from '@/app/plan/plansCost';
import type { ConfigurationOverview } from '@/core/planning/plansOverview';
import type { BatchFit, TrainingCost } from '@/core/planning/trainingCost';
import { formatBytes } from '@/shared/numeric';
import {
  formatFlops,
  formatLongTime,
  formatParameters,
  formatSpacing,
  formatVoxels,
  partsText,
  resamplingText,
  schemeName,
} from '../components/planFormats';
import { formatPercent } from '../formats';
import { patchCoverage } from './patchLayout';
import styles from './plan.module.css';
import { Term } from './Term';
import tables from './tables.module.css';
import type { TERMS } from './terms';

const UNKNOWN = { cost: undefined, fit: undefined };

interface ConfigurationTableProps {
  readonly configurations: readonly ConfigurationOverview[];
  readonly transposeBackward: readonly number[];
  readonly costs: ReadonlyMap<string, ConfigurationCost>;
  readonly channelNames: readonly string[] | undefined;
  /** The one that is drawn below. */
  readonly chosen: string;
  readonly onChoose: (name: string) => void;
}

interface Row {
  readonly term: keyof typeof TERMS;
  readonly label: string;
  readonly cell: (
    one: ConfigurationOverview,
    cost: TrainingCost | undefined,
    fit: BatchFit | undefined,
  ) => ReactNode;
}

/** All configurations side by side; a click on a name draws that one. */
export function ConfigurationTable(props: ConfigurationTableProps) {
  const { configurations, transposeBackward, costs, channelNames, chosen, onChoose } = props;
  const groups: readonly { readonly title: string; readonly rows: readonly Row[] }[] = [
    { title: 'Images', rows: imageRows(channelNames, transposeBackward) },
    { title: 'Patch', rows: patchRows(transposeBackward) },
    { title: 'Network', rows: NETWORK_ROWS },
    { title: 'Training, on this computer', rows: COST_ROWS },
  ];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className={tables.tableScroll} aria-label="Configurations" tabIndex={0}>
      <table className={tables.configurations}>
        <thead>
          <tr>
            <td />
            {configurations.map(({ name, inheritsFrom, problem }) => (
              <th key={name} scope="col" data-chosen={name === chosen}>
                <button type="button" aria-pressed={name === chosen} onClick={() => onChoose(name)}>
                  {name}
                </button>
                {inheritsFrom && <span className={tables.from}>from {inheritsFrom}</span>}
                {problem && (
                  <Badge size="xs" color="yellow" variant="light" tt="none">
                    not usable here
                  </Badge>
                )}
              </th>
            ))}
          </tr>
        </thead>
        {groups.map(({ title, rows }) => (
          <tbody key={title}>
            <tr className={tables.group}>
              <th scope="rowgroup" colSpan={configurations.length + 1}>
                {title}
              </th>
            </tr>
            {rows.map(({ term, label, cell }) => (
              <tr key={label}>
                <th scope="row">
                  <Term term={term}>{label}</Term>
                </th>
                {configurations.map((one) => {
                  const found = costs.get(one.name);
                  const { cost, fit } = found?.status === 'known' ? found : UNKNOWN;
                  return (
                    <td key={one.name} data-chosen={one.name === chosen}>
                      {cell(one, cost, fit) ?? '–'}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        ))}
      </table>
    </section>
  );
}

function imageRows(
  channelNames: readonly string[] | undefined,
  transposeBackward: readonly number[],
): readonly Row[] {
  return [
    {
      term: 'spacing',
      label: 'Spacing, mm',
      cell: ({ spacing }) => spacing && formatSpacing(spacing, transposeBackward),
    },
    {
      term: 'medianShape',
      label: 'Median case, voxels',
      cell: ({ medianShape }) => medianShape && formatVoxels(medianShape, transposeBackward),
    },
    {
      term: 'normalization',
      label: 'Normalisation',
      cell: (one) => <Normalization configuration={one} channelNames={channelNames} />,
    },
    {
      term: 'resampling',
      label: 'Resampling',
      cell: ({ resampling }) => resampling && resamplingText(resampling.name, resampling.options),
    },
    {
      term: 'dataIdentifier',
      label: 'Preprocessed data',
      cell: ({ dataIdentifier }) => dataIdentifier && <span className={styles.code}>{dataIdentifier}</span>,
    },
  ];
}

function patchRows(transposeBackward: readonly number[]): readonly Row[] {
  return [
    {
      term: 'patch',
      label: 'Patch, voxels',
      cell: ({ patchSize }) => patchSize && <b>{formatVoxels(patchSize, transposeBackward)}</b>,
    },
    {
      term: 'coverage',
      label: 'Median-case coverage',
      cell: ({ patchSize, medianShape }) =>
        patchSize && medianShape && formatPercent(patchCoverage(patchSize, medianShape)),
    },
    { term: 'batch', label: 'Batch', cell: ({ batchSize }) => batchSize !== undefined && <b>{batchSize}</b> },
    {
      term: 'batchDice',
      label: 'Batch Dice',
      cell: ({ batchDice }) => (batchDice === undefined ? undefined : batchDice ? 'yes' : 'no'),
    },
  ];
}

const NETWORK_ROWS: readonly Row[] = [
  {
    term: 'network',
    label: 'Network',
    cell: ({ networkClass }) => networkClass && networkName(networkClass),
  },
  { term: 'stages', label: 'Stages', cell: ({ configuration }) => configuration?.architecture.nStages },
  {
    term: 'features',
    label: 'Features',
    cell: ({ configuration }) => configuration && featureText(configuration.architecture.featuresPerStage),
  },
  {
    term: 'cascade',
    label: 'Cascade',
    cell: ({ previousStage, nextStages }) =>
      previousStage
        ? `after ${previousStage}`
        : nextStages.length > 0
          ? `then ${nextStages.join(', ')}`
          : undefined,
  },
  {
    term: 'parameters',
    label: 'Parameters',
    cell: (_, cost) => cost && formatParameters(cost.parameterCount),
  },
];

const COST_ROWS: readonly Row[] = [
  {
    term: 'memory',
    label: 'GPU memory',
    cell: (_, cost, fit) => cost && fit && <Memory cost={cost} fit={fit} />,
  },
  { term: 'flops', label: 'Per step', cell: (_, cost) => cost && formatFlops(cost.flopsPerIteration) },
  { term: 'epoch', label: 'Per epoch', cell: (_, cost) => timeText(cost?.secondsPerEpoch) },
  { term: 'total', label: '1000 epochs', cell: (_, cost) => timeText(cost?.secondsInTotal) },
];

function Memory({ cost, fit }: { cost: TrainingCost; fit: BatchFit }) {
  const parts = partsText(cost, fit);
  return (
    <>
      {formatBytes(cost.trainingBytes)}
      {parts && <span className={tables.from}>{parts}</span>}
    </>
  );
}

function timeText(seconds: number | undefined): string | undefined {
  return seconds === undefined || Number.isNaN(seconds) ? undefined : formatLongTime(seconds);
}

function networkName(networkClass: string): string {
  if (networkClass === 'PlainConvUNet') return 'U-Net';
  return networkClass === 'ResidualEncoderUNet' ? 'U-Net, residual encoder' : networkClass;
}

/** `32 … 320`; both ends say it, as every stage doubles up to a cap. */
function featureText(features: readonly number[]): string {
  return `${features[0]} … ${features[features.length - 1]}`;
}

/** One word where all channels are treated alike, else a line for each. */
function Normalization({
  configuration: { normalizationSchemes: schemes, useMaskForNorm },
  channelNames,
}: {
  configuration: ConfigurationOverview;
  channelNames: readonly string[] | undefined;
}) {
  if (schemes.length === 0) return '–';
  const texts = schemes.map(
    (scheme, c) => schemeName(scheme) + (useMaskForNorm[c] ? ', within the mask' : ''),
  );
  const isUniform = texts.every((text) => text === texts[0]);
  if (isUniform) return schemes.length === 1 ? texts[0] : `${texts[0]}, all ${schemes.length} channels`;
  return (
    <ul className={tables.channels}>
      {texts.map((text, c) => {
        const channel = channelNames?.[c] ?? `channel ${c}`;
        return <li key={channel}>{`${channel}: ${text}`}</li>;
      })}
    </ul>
  );
}
