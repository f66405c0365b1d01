import { Button, Group, SegmentedControl, Table, Text } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import type { CaseCheck } from '@/core/dataset/integrity';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import type { FingerprintDocument } from '@/core/planning/plansDocument';
import { formatXyz } from '@/shared/geometry';
import type { DatasetRecord, IntensitySample } from '@/storage/datasetRecord';
import type { IntensityScale } from '@/workers/data/api';
import { hasNoImages } from '../components/datasetSteps';
import { ScrollTable } from '../components/ScrollTable';
import { saveFile } from '../files/saveFile';
import { formatPercent, plural } from '../formats';
import { useStudio } from '../useStudio';
import { DistributionPlot } from './DistributionPlot';
import styles from './data.module.css';
import { withoutFlatAxis } from './flatAxis';
import { spreadOf } from './histogram';
import { IntensityPlot } from './IntensityPlot';
import { LabelCounts } from './LabelCounts';

interface StatisticsProps {
  readonly dataset: DatasetRecord;
  readonly checks: readonly CaseCheck[];
}

/** The dataset in plots, and its fingerprint in numbers. */
export function Statistics({ dataset, checks }: StatisticsProps) {
  const fingerprint = useFingerprint(dataset);
  const measured = checks.filter(({ shape, spacing }) => shape && spacing);
  if (!dataset.check) {
    return (
      <Text size="sm" c="dimmed" ta="center" py="xl">
        {hasNoImages(dataset)
          ? 'Figures are computed from the images, which are not here.'
          : 'Figures come with the check: it reads every image.'}
      </Text>
    );
  }
  return (
    <div className={styles.sections}>
      <Intensities dataset={dataset} />
      <Fingerprint dataset={dataset} fingerprint={fingerprint} />
      <Grids checks={measured} />
      <LabelCounts dataset={dataset} checks={checks} />
    </div>
  );
}

function Intensities({ dataset }: { dataset: DatasetRecord }) {
  const [scale, setScale] = useState<IntensityScale>(isAllCt(dataset) ? 'stored' : 'z-score');
  const samples = useSamples(dataset, scale);
  return (
    <section className={styles.section} aria-label="Intensities">
      <Group justify="space-between" align="flex-start" wrap="nowrap">
        <h2>Intensities</h2>
        <SegmentedControl
          size="xs"
          aria-label="Scale of the intensities"
          value={scale}
          onChange={(value) => setScale(value === 'stored' ? 'stored' : 'z-score')}
          data={[
            { value: 'z-score', label: 'Normalised' },
            { value: 'stored', label: 'As stored' },
          ]}
        />
      </Group>
      <p className={styles.hint}>
        How often each brightness occurs, in a small even sample of every case
        {scale === 'z-score' && ', z-scored per case'}. Labelled voxels should differ from the rest.
      </p>
      {samples.map((sample, channel) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a channel is its place
        <div key={channel} className={styles.plot}>
          <Text size="xs" fw={600}>
            {dataset.channelNames[channel] ?? `Channel ${channel}`}
          </Text>
          <IntensityPlot sample={sample} name={dataset.channelNames[channel] ?? `channel ${channel}`} />
        </div>
      ))}
      <div className={styles.legend}>
        <span>
          <i data-kind="all" /> all voxels
        </span>
        <span>
          <i data-kind="foreground" /> labelled voxels
        </span>
      </div>
    </section>
  );
}

/** Hounsfield units mean the same in every case. */
function isAllCt({ channelNames }: DatasetRecord): boolean {
  return channelNames.every((name) => name.toLowerCase() === 'ct');
}

const AXES = ['x', 'y', 'z'] as const;

function Grids({ checks }: { checks: readonly CaseCheck[] }) {
  if (checks.length === 0) return null;
  const along = (pick: (check: CaseCheck) => readonly number[] | undefined, axis: number) =>
    checks.map((check) => pick(check)?.[2 - axis] ?? 0);
  const axes = checks.every(({ shape }) => shape?.[0] === 1) ? AXES.slice(0, 2) : AXES;
  return (
    <section className={styles.section} aria-label="Shapes and spacings">
      <h2>Shapes and voxel sizes</h2>
      <p className={styles.hint}>
        Of {plural(checks.length, 'case')}, before cropping. Very different voxel sizes mean heavy resampling;
        check outliers.
      </p>
      <div className={styles.plots}>
        {axes.map((name, axis) => (
          <DistributionPlot
            key={name}
            name={`Voxels along ${name}`}
            unit=""
            values={along(({ shape }) => shape, axis)}
          />
        ))}
        {axes.map((name, axis) => (
          <DistributionPlot
            key={name}
            name={`Voxel size along ${name}`}
            unit="mm"
            values={along(({ spacing }) => spacing, axis)}
          />
        ))}
      </div>
    </section>
  );
}

/** What nnU-Net writes of a channel's intensities, and what it means. */
const INTENSITY_COLUMNS = [
  { key: 'mean', name: 'Mean', meaning: 'CT: subtracted from every voxel' },
  { key: 'std', name: 'Std', meaning: 'Standard deviation. CT: voxels are divided by it' },
  { key: 'median', name: 'Median', meaning: 'Half of the labelled voxels are darker' },
  { key: 'min', name: 'Min', meaning: 'Darkest drawn voxel' },
  { key: 'percentile_00_5', name: '0.5 %', meaning: 'CT: darker voxels are clipped to it' },
  { key: 'percentile_99_5', name: '99.5 %', meaning: 'CT: brighter voxels are clipped to it' },
  { key: 'max', name: 'Max', meaning: 'Brightest drawn voxel' },
] as const;

interface FingerprintProps {
  readonly dataset: DatasetRecord;
  readonly fingerprint: FingerprintDocument | undefined;
}

function Fingerprint({ dataset, fingerprint }: FingerprintProps) {
  const { datasets } = useStudio();
  if (!fingerprint) {
    return (
      <section className={styles.section} aria-label="Fingerprint">
        <h2>Fingerprint</h2>
        <p className={styles.hint}>Not computed. nnU-Net plans from it.</p>
      </section>
    );
  }
  const median = (lists: readonly (readonly number[])[]) =>
    [0, 1, 2].map((axis) => spreadOf(lists.map((values) => values[axis])).median);
  const shape = median(fingerprint.shapes_after_crop);
  const spacing = median(fingerprint.spacings);
  const channels = Object.entries(fingerprint.foreground_intensity_properties_per_channel);
  return (
    <section className={styles.section} aria-label="Fingerprint">
      <h2>Fingerprint</h2>
      <p className={styles.hint}>Values used for planning; identical to nnU-Net's.</p>
      <dl className={styles.terms}>
        <dt>Median shape</dt>
        <dd>
          {formatXyz(withoutFlatAxis(shape, shape))} voxels
          <span>of the cases, cropped to the non-zero region; the patch is chosen to see enough of it</span>
        </dd>
        <dt>Median voxel size</dt>
        <dd>
          {formatXyz(withoutFlatAxis(spacing, shape), 4)} mm
          <span>cases are resampled to roughly this spacing</span>
        </dd>
        <dt>Left after cropping</dt>
        <dd>
          {formatPercent(fingerprint.median_relative_size_after_cropping)}
          <span>of the voxels, in the median case; below 75 %, only non-zero voxels are normalised</span>
        </dd>
      </dl>
      <Text size="xs" fw={600} mt="md" mb={4}>
        Intensities of labelled voxels
      </Text>
      <ScrollTable name="Intensities of labelled voxels" minWidth={470}>
        <Table fz="xs" verticalSpacing={4} aria-label="Intensities of labelled voxels">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Channel</Table.Th>
              {INTENSITY_COLUMNS.map(({ key, name, meaning }) => (
                <Table.Th key={key} className="number" title={meaning}>
                  {name}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {channels.map(([channel, properties]) => (
              <Table.Tr key={channel}>
                <Table.Td>{dataset.channelNames[Number(channel)] ?? channel}</Table.Td>
                {INTENSITY_COLUMNS.map(({ key }) => (
                  <Table.Td key={key} className="number">
                    {intensity(properties[key])}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollTable>
      <Group mt="sm">
        <Button
          size="xs"
          variant="default"
          leftSection={<IconDownload size={14} aria-hidden />}
          onClick={() =>
            void datasets.api
              .readFile(dataset.name, `preprocessed/${NNUNET_FILES.fingerprint}`)
              .then(saveFile)
          }
        >
          dataset_fingerprint.json
        </Button>
      </Group>
    </section>
  );
}

/** Four digits that matter. */
function intensity(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '–';
  return Number(value.toPrecision(4)).toLocaleString('en', { maximumFractionDigits: 4 });
}

function useFingerprint({ name, hasFingerprint }: DatasetRecord): FingerprintDocument | undefined {
  const { datasets } = useStudio();
  const [fingerprint, setFingerprint] = useState<FingerprintDocument>();
  useEffect(() => {
    if (!hasFingerprint) return;
    let isCurrent = true;
    void datasets.api.readFingerprint(name).then((found) => isCurrent && setFingerprint(found));
    return () => {
      isCurrent = false;
    };
  }, [datasets, name, hasFingerprint]);
  return hasFingerprint ? fingerprint : undefined;
}

function useSamples({ name, check }: DatasetRecord, scale: IntensityScale): readonly IntensitySample[] {
  const { datasets } = useStudio();
  const [samples, setSamples] = useState<readonly IntensitySample[]>([]);
  const checkedAt = check?.checkedAt;
  useEffect(() => {
    if (checkedAt === undefined) return;
    let isCurrent = true;
    void datasets.api.readSamples(name, scale).then((found) => isCurrent && setSamples(found));
    return () => {
      isCurrent = false;
    };
  }, [datasets, name, checkedAt, scale]);
  return samples;
}
