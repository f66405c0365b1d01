// Topologies, memory estimates and whole plans against the real planners': everything discrete exactly, floats to
// 1e-12 relative.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { featureMapSize } from '@/core/planning/featureMapSize';
import { planExperiment } from '@/core/planning/planExperiment';
import { plannerNamed } from '@/core/planning/planners';
import type { FingerprintDocument, PlansDocument } from '@/core/planning/plansDocument';
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
