// Topologies, memory estimates and whole plans against the real planners': everything discrete exactly, floats to
// 1e-12 relative.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { featureMapSize } from '@/core/planning/featureMapSize';
import { planExperiment } from '@/core/planning/planExperiment';
import { plannerNamed } from '@/core/planning/planners';
import type { FingerprintDocument, PlansDocument } from '@/core/planning/plansDocument';
import { readPlans } from '@/core/planning/readPlans';
import { planTopology } from '@/core/planning/topology';
import { exactOutcome, type Outcome, readJsonLines, summarise } from '../support/golden';
import type { TopicResult } from './topic';

const FLOAT_TOLERANCE = 1e-12;

export async function run(goldenFolder: string): Promise<TopicResult> {
  const folder = path.join(goldenFolder, 'planning');
  if (!existsSync(folder)) return summarise('planning', {});
  const inputs = new Map(
    readJsonLines<InputRow>(path.join(folder, 'inputs.jsonl')).map((row) => [row.id, row]),
  );
  const groups: Record<string, Outcome[]> = {
    topology: readJsonLines<TopologyRow>(path.join(folder, 'topology.jsonl')).map(topology),
    'memory estimate': readJsonLines<EstimateRow>(path.join(folder, 'feature_map_sizes.jsonl')).map(estimate),
  };
  for (const name of readdirSync(folder).filter((file) => file.startsWith('plans_'))) {
    groups[name] = readJsonLines<PlansRow>(path.join(folder, name)).map((row) =>
      plans(row, inputs.get(row.id)),
    );
  }
  const published = path.join(goldenFolder, '../data/nnunet-plans/pairs');
  if (existsSync(published)) {
    const rows: PublishedRow[] = JSON.parse(readFileSync(path.join(published, 'index.json'), 'utf8'));
    const complete = rows.filter((row) => existsSync(path.join(published, row.folder, 'dataset.json')));
    const agreeing = complete.filter((row) => row.official_planner_agrees);
    groups['published plans'] = agreeing.map((row) => publishedPlans(published, row));
    groups['published plans with settings of their authors: the same configurations differ'] = complete
      .filter((row) => !row.official_planner_agrees)
      .map((row) => publishedPlans(published, row));
  }
  return summarise('planning', groups);
}

interface TopologyRow {
  readonly spacing: readonly number[];
  readonly patch_size: readonly number[];
  readonly min_feature_map_size: number;
  readonly num_pool_per_axis: readonly number[];
  readonly pool_op_kernel_sizes: readonly (readonly number[])[];
  readonly conv_kernel_sizes: readonly (readonly number[])[];
  readonly padded_patch_size: readonly number[];
  readonly must_be_divisible_by: readonly number[];
}

function topology(row: TopologyRow): Outcome {
  const found = planTopology(row.spacing, row.patch_size, row.min_feature_map_size);
  const isRight = isDeepEqual(
    [found.numPoolPerAxis, found.strides, found.kernelSizes, found.patchSize, found.mustBeDivisibleBy],
    [
      row.num_pool_per_axis,
      row.pool_op_kernel_sizes,
      row.conv_kernel_sizes,
      row.padded_patch_size,
      row.must_be_divisible_by,
    ],
  );
  return exactOutcome(`${row.spacing} ${row.patch_size}`, isRight, JSON.stringify(found));
}

interface EstimateRow {
  readonly patch_size: readonly number[];
  readonly num_classes: number;
  readonly network_class_name: string;
  readonly arch_kwargs: {
    readonly features_per_stage: readonly number[];
    readonly strides: readonly (readonly number[])[];
    readonly n_conv_per_stage?: readonly number[];
    readonly n_blocks_per_stage?: readonly number[];
    readonly n_conv_per_stage_decoder: readonly number[];
  };
  readonly feature_map_size: number;
}

function estimate({ arch_kwargs: kwargs, ...row }: EstimateRow): Outcome {
  const found = featureMapSize(
    {
      networkClass: row.network_class_name.endsWith('PlainConvUNet')
        ? 'PlainConvUNet'
        : 'ResidualEncoderUNet',
      featuresPerStage: kwargs.features_per_stage,
      strides: kwargs.strides,
      nConvPerStage: kwargs.n_conv_per_stage ?? kwargs.n_blocks_per_stage ?? [],
      nConvPerStageDecoder: kwargs.n_conv_per_stage_decoder,
    },
    row.patch_size,
    row.num_classes,
  );
  return exactOutcome(
    `${row.patch_size}`,
    found === row.feature_map_size,
    `${found} ${row.feature_map_size}`,
  );
}

interface InputRow {
  readonly id: string;
  readonly dataset_json: {
    readonly channel_names: Readonly<Record<string, string>>;
    readonly labels: Readonly<Record<string, unknown>>;
    readonly numTraining: number;
    readonly overwrite_image_reader_writer: string;
  };
  readonly fingerprint: FingerprintDocument;
}

interface PlansRow {
  readonly id: string;
  readonly planner: string;
  readonly planner_kwargs: {
    readonly gpu_memory_target_in_gb?: number;
    readonly suppress_transpose?: boolean;
    readonly overwrite_target_spacing?: readonly number[];
  };
  readonly plans: PlansDocument;
}

function plans(
  { id, planner, planner_kwargs: kwargs, plans: expected }: PlansRow,
  input?: InputRow,
): Outcome {
  if (!input) throw new Error(`planning: no input ${id}`);
  const { dataset_json: dataset } = input;
  const found = planExperiment(
    input.fingerprint,
    {
      name: expected.dataset_name,
      channelNames: Object.values(dataset.channel_names),
      labelEntries: Object.keys(dataset.labels).length,
      numTraining: dataset.numTraining,
      imageReaderWriter: dataset.overwrite_image_reader_writer,
    },
    plannerNamed(planner),
    {
      ...(kwargs.gpu_memory_target_in_gb && { gpuMemoryTargetGb: kwargs.gpu_memory_target_in_gb }),
      ...(kwargs.overwrite_target_spacing && { overwriteTargetSpacing: kwargs.overwrite_target_spacing }),
      ...(kwargs.suppress_transpose && { suppressTranspose: kwargs.suppress_transpose }),
    },
  );
  const difference = firstDifference(found, expected, '');
  return exactOutcome(`${id} ${JSON.stringify(kwargs)}`, difference === undefined, difference);
}

interface PublishedRow {
  readonly folder: string;
  readonly file: string;
  readonly plans_name: string;
  readonly official_planner_agrees: boolean;
  /** `3d_fullres.patch_size`, or a configuration that only one of them has. */
  readonly differs_in: readonly string[];
}

/** Plans that people published, against ours for the fingerprint beside them; old formats are resolved first. */
function publishedPlans(folder: string, row: PublishedRow): Outcome {
  const text = (name: string) => readFileSync(path.join(folder, row.folder, name), 'utf8');
  const dataset: InputRow['dataset_json'] = JSON.parse(text('dataset.json'));
  const preset = /^nnUNetResEncUNet(M|L|XL)Plans/.exec(row.plans_name)?.[1];
  const found = planExperiment(
    JSON.parse(text('dataset_fingerprint.json')),
    {
      name: row.folder,
      channelNames: Object.values(dataset.channel_names),
      labelEntries: Object.keys(dataset.labels).length,
      numTraining: dataset.numTraining,
      imageReaderWriter: 'SimpleITKIO',
    },
    plannerNamed(preset ? `nnUNetPlannerResEnc${preset}` : 'ExperimentPlanner'),
  );
  const [own, theirs] = [readPlans(JSON.stringify(found), row.folder), readPlans(text(row.file), row.file)];
  const names = [...new Set([own, theirs].flatMap(({ configurations }) => Object.keys(configurations)))];
  const planned = names.filter((name) => ['2d', '3d_lowres', '3d_fullres'].includes(name));
  const differences = new Map<string, string>();
  for (const name of planned) {
    const [a, b] = [own, theirs].map(({ configurations }) => {
      const { dataIdentifier: _identifier, ...rest } = configurations[name] ?? {};
      return rest;
    });
    const difference = firstDifference(a, b, name);
    if (difference) differences.set(name, difference);
  }
  for (const key of ['transposeForward', 'foregroundIntensityProperties'] as const) {
    const difference = firstDifference(own[key], theirs[key], key);
    if (difference) differences.set(key, difference);
  }
  const expected = new Set(
    row.differs_in.map((field) => field.split('.')[0]).filter((name) => planned.includes(name)),
  );
  const isRight = `${[...differences.keys()].sort()}` === `${[...expected].sort()}`;
  return exactOutcome(`${row.folder} ${row.file}`, isRight, [...differences.values()].join('; '));
}

function isDeepEqual(a: unknown, b: unknown): boolean {
  return firstDifference(a, b, '') === undefined;
}

/** Where two JSON values first differ, keys and their order included. */
function firstDifference(found: unknown, expected: unknown, at: string): string | undefined {
  if (typeof found === 'number' && typeof expected === 'number') {
    const isClose = Math.abs(found - expected) <= FLOAT_TOLERANCE * Math.abs(expected);
    return isClose ? undefined : `${at}: ${found} instead of ${expected}`;
  }
  if (typeof found !== 'object' || typeof expected !== 'object' || found === null || expected === null) {
    return found === expected
      ? undefined
      : `${at}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`;
  }
  const [keys, expectedKeys] = [Object.keys(found), Object.keys(expected)];
  if (`${keys}` !== `${expectedKeys}`) return `${at}: keys ${keys} instead of ${expectedKeys}`;
  for (const key of keys) {
    const difference = firstDifference(Reflect.get(found, key), Reflect.get(expected, key), `${at}.${key}`);
    if (difference) return difference;
  }
  return undefined;
}
