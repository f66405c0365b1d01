// Self-configuration of a kept dataset: fingerprint, plans, preprocessed cases.

import { planDataset, readFingerprint } from '@/app/plan/planDataset';
import { isPlansFile } from '@/core/dataset/preprocessedDataset';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { readText } from '@/core/io/sourceFile';
import { readAnyPlans, withKeptConfigurations } from '@/core/planning/anyPlans';
import { plannerNamed } from '@/core/planning/planners';
import type { FingerprintDocument } from '@/core/planning/plansDocument';
import { readPlans } from '@/core/planning/readPlans';
import { fingerprintJson, plansJson } from '@/core/planning/writePlans';
import { messageOf, StudioError } from '@/shared/errors';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { explainWriteFailure } from '@/storage/recordStore';
import type {
  DatasetApi,
  OnDatasetProgress,
  PlanRequest,
  PreprocessOutcome,
  PreprocessRequest,
} from '@/workers/data/api';
import { type CaseWorkers, localCaseWorkers } from '@/workers/data/caseWorkers';
import type { DeskParts } from './datasetContext';
import { extractFingerprint, type FingerprintProgress } from './extractFingerprint';
import { type PreprocessedReport, preprocessDataset } from './preprocessDataset';

type Tell = OnDatasetProgress;
type PlanCalls = Pick<DatasetApi, 'readFingerprint' | 'plan' | 'readPlans' | 'writePlans' | 'removePlans'>;

export interface DatasetTasks extends PlanCalls {
  takeFingerprint(name: string, signal: AbortSignal, tell: Tell): Promise<DatasetRecord>;
  preprocess(
    name: string,
    request: PreprocessRequest,
    signal: AbortSignal,
    tell: Tell,
  ): Promise<PreprocessOutcome>;
}

/** Part of a fingerprint's time that goes into reading the cases. */
const READING_SHARE = 0.5;

export function datasetTasks(
  { find, open, preprocessed, survey }: DeskParts,
  startCaseWorkers: () => CaseWorkers = localCaseWorkers,
): DatasetTasks {
  async function withCaseWorkers<Result>(work: (workers: CaseWorkers) => Promise<Result>): Promise<Result> {
    const workers = startCaseWorkers();
    try {
      return await work(workers);
    } finally {
      workers.close();
    }
  }

  /** The record of a dataset that may be worked with. Throws `NoImages`, `NotChecked` or `BadDataset`. */
  async function trainable(name: string): Promise<DatasetRecord> {
    const record = await find(name);
    if (record.kind === 'preprocessed') {
      throw new StudioError(
        'NoImages',
        `${name} was preprocessed elsewhere; its images are not here.`,
        'Train from what is there, or import the dataset with its images.',
      );
    }
    if (!record.check) {
      throw new StudioError('NotChecked', `${name} has not been checked.`, 'Check it under Data first.');
    }
    if (record.check.isTrainable) return record;
    const { errors } = record.check;
    throw new StudioError(
      'BadDataset',
      `${name} cannot be used for training: its check found ${errors} error${errors === 1 ? '' : 's'}.`,
      'They are listed under Data, each with what to do.',
    );
  }

  async function fingerprintOf(name: string): Promise<FingerprintDocument | undefined> {
    const file = await preprocessed(name).open(NNUNET_FILES.fingerprint);
    return file && readFingerprint(await readText(file), file.path);
  }

  async function plansText(name: string, plansName: string): Promise<string> {
    const file = await preprocessed(name).open(`${plansName}.json`);
    if (file) return await readText(file);
    throw new StudioError('NoPlans', `${name} has no plans ${plansName}.`, 'Plan the dataset first.');
  }

  return {
    takeFingerprint: async (name, signal, tell) => {
      await trainable(name);
      const dataset = await open(name);
      const total = dataset.cases.length;
      const fingerprint = await withCaseWorkers((workers) =>
        extractFingerprint({
          dataset,
          workers,
          signal,
          onProgress: (progress) => tell(fingerprintProgress(progress, total)),
        }),
      );
      await preprocessed(name).write(NNUNET_FILES.fingerprint, fingerprintJson(fingerprint));
      return survey(name);
    },

    readFingerprint: fingerprintOf,

    async plan(name, { planner: plannerName, ...options }: PlanRequest) {
      const record = await trainable(name);
      const fingerprint = await fingerprintOf(name);
      if (!fingerprint) {
        throw new StudioError('NoFingerprint', `${name} has no fingerprint.`, 'Take it under Data first.');
      }
      const { document, jsonFile } = await open(name);
      const planner = plannerNamed(plannerName);
      const plansName = options.plansName ?? planner.plansName;
      const plans = planDataset({
        name,
        document,
        fingerprint,
        planner,
        options: { ...options, plansName },
        reader: record.check?.reader,
      });
      const folder = preprocessed(name);
      const existing = await folder.open(`${plansName}.json`);
      const kept = existing && readAnyPlans(await readText(existing), existing.path);
      await folder.write(`${plansName}.json`, plansJson(withKeptConfigurations(plans, kept)));
      await folder.write(NNUNET_FILES.dataset, await jsonFile.bytes());
      await survey(name);
      return plansName;
    },

    readPlans: plansText,

    async writePlans(name, text) {
      await find(name);
      const { plans_name: plansName } = readAnyPlans(text, 'plans');
      readPlans(text, `${plansName}.json`);
      if (!/^[\w.-]+$/.test(plansName) || !isPlansFile(`${plansName}.json`)) {
        throw new StudioError(
          'BadPlans',
          `${plansName} is no name for plans.`,
          'Use letters, digits, _, - and dots.',
        );
      }
      await preprocessed(name).write(`${plansName}.json`, text);
      await survey(name);
      return plansName;
    },

    async removePlans(name, plansName) {
      await preprocessed(name).remove(`${plansName}.json`);
      await survey(name);
    },

    async preprocess(name, { plansName, configurations }, signal, tell) {
      await trainable(name);
      const dataset = await open(name);
      const plans = readPlans(await plansText(name, plansName), `${plansName}.json`);
      const folder = preprocessed(name);
      tell({ stage: 'Copying label maps', share: 0 });
      try {
        await folder.write(NNUNET_FILES.dataset, await dataset.jsonFile.bytes());
        const { failures, ...outcome } = await withCaseWorkers((workers) =>
          preprocessDataset({
            dataset,
            plans,
            configurations,
            folder,
            workers,
            signal,
            onCase: (report) => tell(preprocessProgress(report, configurations)),
          }),
        );
        return { ...outcome, failures: failures.map(explained) };
      } catch (error) {
        throw explainWriteFailure(error, `preprocessed cases of ${name}`);
      } finally {
        await survey(name);
      }
    },
  };
}

function fingerprintProgress({ stage, share, caseId }: FingerprintProgress, total: number) {
  if (stage === 'statistics')
    return { stage: 'Intensity statistics', share: READING_SHARE + (1 - READING_SHARE) * share };
  const done = Math.round(share * total);
  return {
    stage: 'Reading cases',
    share: READING_SHARE * share,
    done,
    total,
    ...(caseId !== undefined && { item: caseId }),
  };
}

function preprocessProgress(
  { configuration, caseId, done, total }: PreprocessedReport,
  configurations: readonly string[],
) {
  const before = configurations.indexOf(configuration);
  const share = (before + done / total) / configurations.length;
  return { stage: `Preprocessing ${configuration}`, share, done, total, item: caseId };
}

function explained({ configuration, caseId, error }: PreprocessedReport) {
  return { configuration, caseId, message: messageOf(error) };
}
