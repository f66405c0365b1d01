// Plans that people published, against ours for the fingerprint that they published beside them: every field of the
// file. What differs has to follow from the nnU-Net version that wrote the file (told by its keys), from an option or a
// planner's attribute that the file itself shows, or has to differ for the official planner in the very same fields.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type DatasetToPlan, type PlannerOptions, planExperiment } from '@/core/planning/planExperiment';
import { type Planner, plannerNamed } from '@/core/planning/planners';
import type { FingerprintDocument } from '@/core/planning/plansDocument';
import { type RawConfiguration, resolveConfiguration } from '@/core/planning/resolveConfigurations';
import { findNormalization } from '@/core/preprocessing/normalization/schemes';
import { permute } from '@/shared/geometry';
import type { TopicResult } from './topic';

export async function run(goldenFolder: string): Promise<TopicResult> {
  const folder = path.join(goldenFolder, '../data/nnunet-plans/pairs');
  const pairs = existsSync(folder) ? discoverPairs(folder) : [];
  const rows = pairs.map(comparePair);
  const isGood = ({ kind }: Row) => kind !== 'unexplained';
  return {
    topic: 'published_plans',
    passed: rows.filter(isGood).length,
    total: rows.length,
    worstError: Math.max(
      0,
      ...rows.filter((row) => !isGood(row)).map(({ differences }) => differences.length),
    ),
    lines: [...table(rows), ...tally(rows)],
  };
}

interface Pair {
  readonly name: string;
  readonly fingerprint: FingerprintDocument;
  readonly published: PublishedPlans;
  /** `undefined` where nobody published it. */
  readonly datasetJson: DatasetJson | undefined;
  /** Fields in which the official planner's plans for this fingerprint differ from the file, where someone ran it. */
  readonly officialDifferences: readonly string[] | undefined;
}

interface PublishedPlans {
  readonly dataset_name: string;
  readonly plans_name: string;
  readonly image_reader_writer: string;
  readonly experiment_planner_used: string;
  readonly transpose_backward: readonly [number, number, number];
  readonly configurations: Readonly<Record<string, RawConfiguration>>;
}

interface DatasetJson {
  readonly channel_names: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, unknown>>;
  readonly numTraining: number;
}

interface OfficialResult {
  readonly folder: string;
  readonly file: string;
  readonly differs_in: readonly string[];
}

function discoverPairs(folder: string): Pair[] {
  const json = (...parts: string[]) => JSON.parse(readFileSync(path.join(folder, ...parts), 'utf8'));
  const hasFile = (...parts: string[]) => existsSync(path.join(folder, ...parts));
  const verdicts: readonly OfficialResult[] = hasFile('index.json') ? json('index.json') : [];
  return readdirSync(folder)
    .filter((name) => hasFile(name, 'dataset_fingerprint.json'))
    .flatMap((name) =>
      readdirSync(path.join(folder, name))
        .filter((file) => file.endsWith('.json') && json(name, file).configurations !== undefined)
        .map((file) => ({
          name: `${name}/${file}`,
          fingerprint: json(name, 'dataset_fingerprint.json'),
          published: json(name, file),
          datasetJson: hasFile(name, 'dataset.json') ? json(name, 'dataset.json') : undefined,
          officialDifferences: verdicts.find((each) => each.folder === name && each.file === file)
            ?.differs_in,
        })),
    );
}

type Kind = 'equal' | 'version' | 'option' | 'changed planner' | 'unexplained';

interface Row {
  readonly pair: string;
  readonly planner: string;
  readonly fields: number;
  /** Between the file and ours for the settings in `explanation`. */
  readonly differences: readonly PlanDifference[];
  readonly kind: Kind;
  readonly explanation: string;
}

/** The simplest explanation that leaves no difference. */
function comparePair(pair: Pair): Row {
  const { name, published, officialDifferences } = pair;
  const planner = plannerNamed(published.experiment_planner_used);
  const notes = pair.datasetJson ? [] : ['no dataset.json: channels from the plans, one class assumed'];
  const isOld = isOldFormat(published);
  if (isOld) notes.push(OLD_FORMAT);
  const row = (kind: Kind, differences: readonly PlanDifference[], ...why: readonly string[]): Row => ({
    pair: name,
    planner: planner.name,
    fields: fieldCount(resolved(published), differences),
    differences,
    kind,
    explanation: [...notes, ...why].join('; '),
  });
  const compare = (changed: Planner, options: PlannerOptions = {}) =>
    differencesOf(published, replanned(pair, changed, options));

  const plain = compare(planner);
  const told = plain.map(({ path: at, a, b }) => `${at}: ${JSON.stringify(b)} for ${JSON.stringify(a)}`);
  // Whatever explains a difference must be wrong for the official planner too, or it would hide a fault of ours.
  const [own, official] = [new Set(plain.map(officialName)), new Set(officialDifferences)];
  const isOfficial = officialDifferences === undefined || `${[...own].sort()}` === `${[...official].sort()}`;
  if (!isOfficial) return row('unexplained', plain, ...told);
  for (const { kind, changes, options, why } of attempts(planner, published)) {
    const differences = compare({ ...planner, ...changes }, options);
    if (differences.length === 0) return row(kind, differences, ...why);
  }
  if (officialDifferences === undefined) return row('unexplained', plain, ...told);
  return row('changed planner', plain, `the official planner differs in the same fields (${own.size})`);
}

/** Settings under which the file may have been planned, simplest first; each is told by the file itself. */
interface Attempt {
  readonly kind: Kind;
  readonly changes?: Partial<Planner>;
  readonly options?: PlannerOptions;
  readonly why: readonly string[];
}

function attempts(planner: Planner, published: PublishedPlans): readonly Attempt[] {
  const isOld = isOldFormat(published);
  const old = { patchFitsBatch: 'reference' } as const;
  const spacing = overwrittenSpacing(published);
  const respaced = { overwriteTargetSpacing: spacing };
  const spacingOption = `-overwrite_target_spacing ${spacing.map((value) => value.toFixed(4)).join(' ')}`;
  const smallest = Math.min(...batchSizes3d(published));
  const raised = { minBatchSize: smallest };
  const fitted = { minBatchSize: smallest, patchFitsBatch: smallest };
  const raisedSetting = `UNet_min_batch_size ${smallest} instead of ${planner.minBatchSize}`;
  const fittedSetting = `${raisedSetting}, patches shrunk for it`;
  return [
    { kind: isOld ? 'version' : 'equal', why: [] },
    ...(isOld ? [{ kind: 'version', changes: old, why: [OLD_SHRINKING] } as const] : []),
    { kind: 'option', options: respaced, why: [spacingOption] },
    { kind: 'changed planner', changes: raised, why: [raisedSetting] },
    { kind: 'changed planner', changes: fitted, why: [fittedSetting] },
    { kind: 'changed planner', changes: raised, options: respaced, why: [raisedSetting, spacingOption] },
    { kind: 'changed planner', changes: fitted, options: respaced, why: [fittedSetting, spacingOption] },
  ];
}

/** The planner's attribute shows wherever a patch had to be shrunk: its batch is as small as may be. */
function batchSizes3d({ configurations }: PublishedPlans): readonly number[] {
  return Object.entries(configurations)
    .filter(([name, { batch_size: size }]) => name.startsWith('3d') && typeof size === 'number')
    .map(([, { batch_size: size }]) => Number(size));
}

/**
 * nnU-Net 2.0 to 2.2.1 wrote the network as `UNet_class_name` and its companions; 2.3 brought `architecture`, and a
 * `ConfigurationManager` that reads the old keys as the new (nnunetv2/utilities/plans_handling/plans_handler.py). Its
 * conversion is followed before anything is compared.
 */
const OLD_FORMAT = 'nnU-Net 2.0 to 2.2 (UNet_class_name): network keys converted as nnU-Net reads them';

/**
 * Until 2.2.1 `ExperimentPlanner` shrank the patch while `estimate > reference`; since e0137edc (2.3) while
 * `estimate / ref_bs * 2 > reference`, as "patch size for 2d was unintentionally capped at 512".
 */
const OLD_SHRINKING = 'their patches shrink by the estimate of the reference batch';

function isOldFormat({ configurations }: PublishedPlans): boolean {
  return Object.values(configurations).some((each) => each.UNet_class_name !== undefined);
}

/** What `-overwrite_target_spacing` must have been, mm, reader order: the file's own target. */
function overwrittenSpacing({
  configurations,
  transpose_backward: backward,
}: PublishedPlans): readonly number[] {
  const spacing = configurations['3d_fullres']?.spacing;
  return Array.isArray(spacing) && spacing.length === 3
    ? permute([spacing[0], spacing[1], spacing[2]], backward)
    : [1, 1, 1];
}

function replanned(
  { fingerprint, published, datasetJson }: Pair,
  planner: Planner,
  options: PlannerOptions,
): PublishedPlans {
  const plans = planExperiment(fingerprint, plannedDataset(published, fingerprint, datasetJson), planner, {
    plansName: published.plans_name,
    ...options,
  });
  return JSON.parse(JSON.stringify(plans));
}

function plannedDataset(
  { dataset_name: name, image_reader_writer: imageReaderWriter, configurations }: PublishedPlans,
  { spacings }: FingerprintDocument,
  json: DatasetJson | undefined,
): DatasetToPlan {
  if (!json) {
    const schemes = Object.values(configurations)[0]?.normalization_schemes;
    if (!Array.isArray(schemes)) throw new Error(`${name}: the plans list no normalization schemes`);
    const channelNames = schemes.map((scheme) => findNormalization(scheme)?.channelName ?? '');
    return { name, imageReaderWriter, channelNames, labelEntries: 2, numTraining: spacings.length };
  }
  return {
    name,
    imageReaderWriter,
    channelNames: Object.values(json.channel_names),
    labelEntries: Object.keys(json.labels).length,
    numTraining: json.numTraining,
  };
}

function differencesOf(published: PublishedPlans, own: PublishedPlans): readonly PlanDifference[] {
  return comparePlans(resolved(published), resolved(own));
}

/** With `architecture` in every configuration; inheriting ones stay as they are written. */
function resolved(plans: PublishedPlans): Readonly<Record<string, unknown>> {
  const configurations = Object.entries(plans.configurations).map(([name, configuration]) => [
    name,
    configuration.inherits_from === undefined
      ? resolveConfiguration(plans.configurations, name, plans.plans_name)
      : configuration,
  ]);
  return { ...plans, configurations: Object.fromEntries(configurations) };
}

/** Fields of a plans file, a list being one, and those that only the other plans have. */
function fieldCount(plans: unknown, differences: readonly PlanDifference[]): number {
  return leaves(plans) + differences.filter(({ a }) => a === undefined).length;
}

function leaves(value: unknown): number {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 1;
  return Object.values(value).reduce<number>((total, each) => total + leaves(each), 0);
}

/** What index.json calls the field of `configurations.3d_fullres.architecture.arch_kwargs.strides`: `3d_fullres.strides`. */
function officialName({ path: at }: PlanDifference): string {
  const [, configuration, ...field] = at.split('.');
  if (!at.startsWith('configurations.')) return at;
  if (field.length === 0) return configuration;
  const last = field[field.length - 1];
  return `${configuration}.${OFFICIAL_NAMES[last] ?? last}`;
}

const OFFICIAL_NAMES: Readonly<Record<string, string>> = {
  features_per_stage: 'features',
  kernel_sizes: 'kernels',
  n_conv_per_stage: 'enc',
  n_blocks_per_stage: 'enc',
  n_conv_per_stage_decoder: 'dec',
};

function table(rows: readonly Row[]): string[] {
  const cells = rows.map(({ pair, planner, fields, differences, kind, explanation }) => [
    pair,
    planner,
    `${fields - differences.length} of ${fields}`,
    kind,
    explanation,
  ]);
  const all = [['pair', 'planner', 'fields equal', 'evaluation', 'explanation'], ...cells];
  const widths = all[0].map((_, column) =>
    Math.max(...all.slice(0).map((row) => (column < 4 ? row[column].length : 0))),
  );
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
}

function tally(rows: readonly Row[]): string[] {
  const kinds: readonly Kind[] = ['equal', 'version', 'option', 'changed planner', 'unexplained'];
  return kinds.map((kind) => `${kind}: ${rows.filter((row) => row.kind === kind).length} of ${rows.length}`);
}

/** One place where they differ; `undefined` where one of them has nothing. */
interface PlanDifference {
  /** `configurations.3d_fullres.patch_size`. */
  readonly path: string;
  readonly a: unknown;
  readonly b: unknown;
}

/** Every difference between two plans files, in the order of the first's keys. Lists are compared whole. */
function comparePlans(a: unknown, b: unknown, path = ''): readonly PlanDifference[] {
  if (!isRecord(a) || !isRecord(b)) {
    return JSON.stringify(a) === JSON.stringify(b) ? [] : [{ path, a, b }];
  }
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return keys.flatMap((key) => comparePlans(a[key], b[key], path === '' ? key : `${path}.${key}`));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
