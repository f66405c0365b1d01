// The three steps of self-configuration, as the commands share them: fingerprint, plans, preprocessed data.

import {
  fingerprintDataset,
  keptFingerprint,
  planAndSave,
  preprocessPlanned,
  triedReader,
} from '@/app/data/configureDataset';
import type { ConfigurationReport } from '@/app/data/preprocessDataset';
import type { Finding } from '@/core/dataset/findings';
import { checkIntegrity, type IntegrityReport } from '@/core/dataset/integrity';
import { parseDatasetDocument, type RawDataset } from '@/core/dataset/rawDataset';
import { readJson } from '@/core/interop/json';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { plannerNamed } from '@/core/planning/planners';
import { DEFAULT_CONFIGURATIONS } from '@/core/planning/plans';
import type { FingerprintDocument, PlansDocument } from '@/core/planning/plansDocument';
import { messageOf, StudioError } from '@/shared/errors';
import { formatNetworkXyz, formatXyz } from '@/shared/geometry';
import { kindOf, nodeFile } from '@/storage/nodeFiles';
import { Outputs } from '@/storage/outputs';
import { usualCasesAtOnce, workersFor } from '@/workers/data/nodeCaseWorkers';
import { formatColumns } from './describe/columns';
import { type NamedDataset, openDataset } from './nnunetFolders';
import {
  isGiven,
  listOf,
  numberOf,
  type OptionSpec,
  type ParsedOptions,
  textOf,
  UsageError,
} from './options';
import { formatSeconds, ProgressLine } from './progressLine';

const EXTRACTOR = 'DatasetFingerprintExtractor';

export const FINGERPRINT_OPTIONS: readonly OptionSpec[] = [
  { names: ['-fpe'], kind: 'text', value: 'NAME', description: `${EXTRACTOR}, the only one there is` },
  {
    names: ['--verify_dataset_integrity'],
    kind: 'flag',
    description: 'checks every file first; do it once for each dataset',
  },
  { names: ['--clean'], kind: 'flag', description: 'computes a fingerprint that is there already again' },
];

export const PLAN_OPTIONS: readonly OptionSpec[] = [
  {
    names: ['-pl'],
    kind: 'text',
    value: 'PLANNER',
    description: 'experiment planner (default ExperimentPlanner; nnUNetPlannerResEncL is recommended)',
  },
  {
    names: ['-gpu_memory_target'],
    kind: 'number',
    value: 'GB',
    description: "GPU memory to plan for (default: the planner's own)",
  },
  {
    names: ['-preprocessor_name'],
    kind: 'text',
    value: 'NAME',
    description: 'written into the plans (default DefaultPreprocessor)',
  },
  {
    names: ['-overwrite_target_spacing'],
    kind: 'list',
    value: 'Z Y X',
    description: 'target spacing of 3d_fullres, mm, three numbers',
  },
  {
    names: ['-overwrite_plans_name'],
    kind: 'text',
    value: 'NAME',
    description: "name of the plans (default: the planner's own)",
  },
];

export const PREPROCESS_OPTIONS: readonly OptionSpec[] = [
  {
    names: ['-c'],
    kind: 'list',
    value: 'CONFIG…',
    description: 'configurations (default 2d 3d_fullres 3d_lowres); those not in the plans are left out',
  },
  {
    names: ['-np'],
    kind: 'list',
    value: 'N…',
    description:
      'cases side by side, one number or one for each configuration (default: as many as processors and memory allow)',
  },
];

export const LOG_OPTIONS: readonly OptionSpec[] = [
  { names: ['--verbose'], kind: 'flag', description: 'a line for every case' },
  { names: ['--no_pbar'], kind: 'flag', description: 'no progress line' },
];

function progressLine(options: ParsedOptions): ProgressLine {
  return new ProgressLine(!isGiven(options, '--no_pbar'));
}

/** Cases side by side, as `-np` has it. */
function casesAtOnce(options: ParsedOptions, name: string, position = 0): number {
  const given = listOf(options, name);
  const text = given?.[Math.min(position, given.length - 1)];
  if (text === undefined) return usualCasesAtOnce();
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new UsageError(`${name} must be whole numbers from 1, not ${text}.`);
}

/**
 * Writers into the preprocessed folder, from where files of the names `read` are read. Throws `WouldReplaceInput` where the
 * files `written`, or the copy of dataset.json, are what is read, as in one folder for raw and preprocessed data.
 */
async function outputsOfDataset(
  { rawFolder, preprocessedFolder }: NamedDataset,
  read: readonly string[],
  written: readonly string[],
): Promise<Outputs> {
  const outputs = await Outputs.beside([rawFolder, ...read.map((name) => `${preprocessedFolder}/${name}`)]);
  await outputs.assertFolderFree(preprocessedFolder, [NNUNET_FILES.dataset, ...written]);
  return outputs;
}

/** Fingerprint of a raw dataset, kept where it is there already. `-np` is named by `processesOption`. */
export async function fingerprintStep(
  named: NamedDataset,
  options: ParsedOptions,
  processesOption: string,
  signal: AbortSignal,
): Promise<FingerprintDocument> {
  const extractor = textOf(options, '-fpe') ?? EXTRACTOR;
  if (extractor !== EXTRACTOR) throw new UsageError(`There is no ${extractor}, only ${EXTRACTOR}.`);
  const dataset = await openDataset(named);
  const atOnce = casesAtOnce(options, processesOption);
  if (isGiven(options, '--verify_dataset_integrity')) await verifyStep(dataset, options, atOnce, signal);
  const outputs = await outputsOfDataset(named, [], [NNUNET_FILES.fingerprint]);
  const folder = outputs.folder(named.preprocessedFolder);
  const existing = isGiven(options, '--clean') ? undefined : await keptFingerprint(folder);
  if (existing) {
    console.log(`${named.name}: fingerprint is there already; --clean computes it again`);
    return existing;
  }
  const started = performance.now();
  const line = progressLine(options);
  const fingerprint = await fingerprintDataset({
    dataset,
    folder,
    startWorkers: () => workersFor(atOnce),
    signal,
    onProgress: ({ stage, share, caseId }) => line.show(caseId ?? named.name, { stage, share }),
  });
  line.clear();
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${named.name}: fingerprint of ${dataset.cases.length} cases in ${formatSeconds(seconds)}${peakMemory()}`,
  );
  return fingerprint;
}

/** Checks all files; throws `BadDataset` after listing what is wrong. */
async function verifyStep(
  dataset: RawDataset,
  options: ParsedOptions,
  atOnce: number,
  signal: AbortSignal,
): Promise<void> {
  const line = progressLine(options);
  const report = await checkIntegrity(dataset, {
    atOnce,
    signal,
    onCase: ({ caseId }, done, total) => line.show(caseId, { stage: 'integrity', share: done / total }),
  });
  line.clear();
  if (isGiven(options, '--verbose')) console.log(caseTable(report));
  for (const finding of allFindings(report)) console.error(`${finding.severity}: ${finding.message}`);
  const bad = report.cases.filter(({ status }) => status === 'error' || status === 'unlabelled').length;
  if (!report.isTrainable) {
    throw new StudioError(
      'BadDataset',
      `${dataset.name} cannot be used: ${bad > 0 ? `${bad} of ${report.cases.length} cases have errors` : 'the dataset as a whole has errors'}.`,
      'Correct what is listed above, then run it again.',
    );
  }
  console.log(`${dataset.name}: integrity check passed, ${report.cases.length} cases`);
}

function allFindings(report: IntegrityReport): readonly Finding[] {
  return [...report.findings, ...report.cases.flatMap(({ findings }) => findings)];
}

function caseTable({ cases }: IntegrityReport): string {
  const rows = cases.map(({ caseId, status, shape, spacing, channels, labels }) => [
    caseId,
    status,
    shape ? formatXyz(shape) : '',
    spacing ? formatXyz(spacing.map((value) => Number(value.toPrecision(4)))) : '',
    channels === undefined ? '' : `${channels}`,
    labels?.join(' ') ?? '',
  ]);
  return formatColumns([['case', 'status', 'voxels', 'mm', 'channels', 'labels'], ...rows]);
}

/** Plans from dataset.json and fingerprint; needs no image. */
export async function planStep(named: NamedDataset, options: ParsedOptions): Promise<PlansDocument> {
  const planner = plannerNamed(textOf(options, '-pl') ?? 'ExperimentPlanner');
  const plansName = textOf(options, '-overwrite_plans_name') ?? planner.plansName;
  const outputs = await outputsOfDataset(named, [NNUNET_FILES.fingerprint], [`${plansName}.json`]);
  const jsonLocation = `${named.rawFolder}/${NNUNET_FILES.dataset}`;
  if ((await kindOf(jsonLocation)) !== 'file') {
    throw new StudioError('NoDataset', `There is no ${jsonLocation}.`, 'Planning needs the dataset.json.');
  }
  const jsonFile = await nodeFile(jsonLocation);
  const plans = await planAndSave({
    name: named.name,
    document: parseDatasetDocument(await readJson(jsonFile), jsonLocation),
    jsonFile,
    folder: outputs.folder(named.preprocessedFolder),
    planner,
    options: { plansName, ...plannerOptions(options) },
    reader: await openDataset(named).then(triedReader, () => undefined),
  });
  console.log(`${named.name}: ${plansName} by ${planner.name}`);
  console.log(planTable(plans));
  return plans;
}

function plannerOptions(options: ParsedOptions) {
  const memory = textOf(options, '-gpu_memory_target');
  const preprocessorName = textOf(options, '-preprocessor_name');
  const spacing = listOf(options, '-overwrite_target_spacing')?.map(Number);
  if (spacing && (spacing.length !== 3 || !spacing.every((value) => value > 0))) {
    throw new UsageError('-overwrite_target_spacing takes three positive numbers, mm, in the order z y x.');
  }
  if (memory !== undefined && !(Number(memory) > 0))
    throw new UsageError('-gpu_memory_target must be positive.');
  return {
    ...(memory !== undefined && { gpuMemoryTargetGb: numberOf(options, '-gpu_memory_target', 0) }),
    ...(preprocessorName && { preprocessorName }),
    ...(spacing && { overwriteTargetSpacing: spacing }),
  };
}

/** Sizes are x × y × z of the image. */
function planTable({ configurations, transpose_backward: transposeBackward }: PlansDocument): string {
  const rows = Object.entries(configurations).map(([name, configuration]) => {
    if ('inherits_from' in configuration) return [name, `as ${configuration.inherits_from}`, '', ''];
    const { batch_size: batch, patch_size: patch, spacing } = configuration;
    if (!Array.isArray(patch) || !Array.isArray(spacing)) return [name, `${batch}`, '', ''];
    const rounded = spacing.map((value) => Number(Number(value).toPrecision(4)));
    const sizes = [patch, rounded].map((values) => formatNetworkXyz(values, transposeBackward));
    return [name, `${batch}`, ...sizes];
  });
  return formatColumns([['configuration', 'batch', 'patch (x, y, z)', 'spacing, mm'], ...rows]);
}

/** Arrays for training, for every configuration asked for. Throws `SomeFailed` if a case could not be preprocessed. */
export async function preprocessStep(
  named: NamedDataset,
  plansName: string,
  options: ParsedOptions,
  signal: AbortSignal,
): Promise<void> {
  const { name } = named;
  const dataset = await openDataset(named);
  const outputs = await outputsOfDataset(named, [`${plansName}.json`], []);
  const configurations = [...new Set(listOf(options, '-c') ?? DEFAULT_CONFIGURATIONS)];
  const line = progressLine(options);
  const isVerbose = isGiven(options, '--verbose');
  const { failures } = await preprocessPlanned({
    name,
    dataset,
    plansName,
    configurations,
    folder: outputs.folder(named.preprocessedFolder),
    startWorkers: (position) => workersFor(casesAtOnce(options, '-np', position)),
    signal,
    onCase: (report) => {
      line.show(report.caseId, { stage: report.configuration, share: report.done / report.total });
      if (isVerbose) console.log(`${report.caseId}: ${report.status} in ${formatSeconds(report.seconds)}`);
    },
    onConfiguration: (report) => {
      line.clear();
      for (const { caseId, error } of report.failures)
        console.error(`${caseId}: FAILED. ${messageOf(error)}`);
      console.log(`${name} ${describeConfiguration(report, dataset.cases.length)}`);
    },
  });
  if (failures.length > 0) {
    throw new StudioError(
      'SomeFailed',
      `${name}: ${failures.length} cases failed.`,
      'Correct them, then run it again.',
    );
  }
}

function describeConfiguration(
  { configuration, skipped, failures, seconds }: ConfigurationReport,
  cases: number,
): string {
  if (skipped !== undefined) return `${configuration}: left out, ${skipped}`;
  return `${configuration}: ${cases - failures.length} of ${cases} cases in ${formatSeconds(seconds)}${peakMemory()}`;
}

function peakMemory(): string {
  return `, peak memory ${(process.resourceUsage().maxRSS / 1e6).toFixed(2)} GB`;
}
