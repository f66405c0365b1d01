import { readImageFacts } from '@/core/io/imageFacts';
import type { MedicalImage } from '@/core/io/medicalImage';
import { type NiftiFacts, readNiftiHeader } from '@/core/io/nifti';
import { readAsStored } from '@/core/io/readers';
import { fileName, type SourceFile } from '@/core/io/sourceFile';
import { messageOf, StudioError } from '@/shared/errors';
import { elementCount } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import { intensityStatistics } from './statistics';
import { formatNumber, formatRows, formatXyzSizes, type Row } from './table';

/** Header, geometry and intensities of a NIfTI file; what makes it unusable is a line, not an error. */
export async function describeImage(files: readonly SourceFile[]): Promise<readonly string[]> {
  const facts = await readNiftiHeader(files[0]);
  return [
    `Image ${fileName(files[0])}`,
    ...formatRows(headerRows(facts), '  '),
    ...(await describeVoxels(files)),
  ];
}

/** The same for an image of any other format. */
export async function describeOtherImage(files: readonly SourceFile[]): Promise<readonly string[]> {
  const { shape, spacing, orientation, voxelType, channels } = await readImageFacts(files);
  const rows: Row[] = [
    ['voxels (x, y, z)', formatXyzSizes(shape)],
    ['spacing (x, y, z)', `${formatXyzSizes(spacing)} mm`],
    ['channels', String(channels)],
    ['orientation', orientation ?? 'not given'],
    ...(voxelType ? [['stored as', voxelType] as const] : []),
  ];
  return [`Image ${fileName(files[0])}`, ...formatRows(rows, '  '), ...(await describeVoxels(files))];
}

async function describeVoxels(files: readonly SourceFile[]): Promise<readonly string[]> {
  try {
    const image = await readAsStored(files);
    return [...image.warnings.map((warning) => `  Note: ${warning}`), ...describeIntensities(image)];
  } catch (error) {
    if (!(error instanceof StudioError)) throw error;
    return [`  Cannot be used: ${messageOf(error)}`];
  }
}

function headerRows(facts: NiftiFacts): readonly Row[] {
  const packing = facts.isGzipped ? `, gzipped to ${formatBytes(facts.fileBytes)}` : '';
  const endianness = facts.isLittleEndian ? 'little-endian' : 'big-endian';
  const scaling =
    facts.slope === 1 && facts.intercept === 0
      ? 'none'
      : `stored · ${formatNumber(facts.slope)} + ${formatNumber(facts.intercept)}`;
  return [
    ['format', `NIfTI-${facts.version}${facts.isSingleFile ? '' : ' pair'}, ${endianness}`],
    ['voxels (x, y, z)', facts.dim.join(' × ')],
    ['spacing (x, y, z)', `${formatXyzSizes(facts.spacing)} mm`],
    ['field of view', `${formatXyzSizes(facts.shape.map((size, axis) => size * facts.spacing[axis]))} mm`],
    ['orientation', facts.orientation ?? 'not given'],
    ['qform, sform code', `${facts.qformCode}, ${facts.sformCode}`],
    ['stored as', `${facts.voxelType}, ${formatBytes(facts.storedBytes)}${packing}`],
    ['scaling', scaling],
    ...(facts.description ? [['description', facts.description] as const] : []),
  ];
}

function describeIntensities(image: MedicalImage): readonly string[] {
  const size = elementCount(image.shape);
  const voxelMl = elementCount(image.spacing) / 1000;
  return Array.from({ length: image.channels }, (_, channel) => {
    const statistics = intensityStatistics(image.data.subarray(channel * size, (channel + 1) * size));
    const { labelCounts } = statistics;
    const rows: Row[] = [
      ['minimum … maximum', `${formatNumber(statistics.min)} … ${formatNumber(statistics.max)}`],
      ['mean ± std', `${formatNumber(statistics.mean)} ± ${formatNumber(statistics.std)}`],
      [
        'percentiles 0.5, 50, 99.5',
        [statistics.percentile005, statistics.median, statistics.percentile995].map(formatNumber).join(', '),
      ],
      ['not zero', `${(100 * statistics.nonzeroShare).toFixed(1)} % of voxels`],
    ];
    const title = image.channels > 1 ? [`  Channel ${channel}`] : [];
    const labels = labelCounts ? describeLabelCounts(labelCounts, voxelMl) : [];
    return [...title, ...formatRows(rows, '  '), ...labels];
  }).flat();
}

function describeLabelCounts(counts: ReadonlyMap<number, number>, voxelMl: number): readonly string[] {
  const rows = [...counts].map(
    ([value, voxels]): Row => [String(value), `${voxels} voxels, ${formatNumber(voxels * voxelMl)} ml`],
  );
  return ['  As a label map', ...formatRows(rows, '    ')];
}
