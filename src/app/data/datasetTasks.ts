// Self-configuration of a kept dataset: fingerprint, plans, preprocessed cases.

import { isPlansFile } from '@/core/dataset/preprocessedDataset';
import { assertLabelled } from '@/core/dataset/unlabelledCases';
import { readText } from '@/core/io/sourceFile';
import { readAnyPlans } from '@/core/planning/anyPlans';
import { plannerNamed } from '@/core/planning/planners';
import { readPlans } from '@/core/planning/readPlans';
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
import {
  fingerprintDataset,
  keptFingerprint,
  keptPlans,
  planAndSave,
  preprocessPlanned,
} from './configureDataset';
import type { DatasetContext } from './datasetContext';
import type { ExtractionProgress } from './extractFingerprint';
import type { PreprocessedReport } from './preprocessDataset';

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
  { find, open, preprocessed, survey }: DatasetContext,
  startCaseWorkers: () => CaseWorkers = localCaseWorkers,
): DatasetTasks {
  /** The record of a dataset that may be worked with. Throws `NoImages`, `NotChecked`, `NoLabelMaps` or `BadDataset`. */
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
    if (record.unlabelled) assertLabelled(await open(name));
    const { errors } = record.check;
    throw new StudioError(
      'BadDataset',
      `${name} cannot be used for training: its check found ${errors} error${errors === 1 ? '' : 's'}.`,
      'They are listed under Data, each with what to do.',
    );
  }

  return {
    takeFingerprint: async (name, signal, tell) => {
      await trainable(name);
      const dataset = await open(name);
      await fingerprintDataset({
        dataset,
        folder: preprocessed(name),
        startWorkers: () => startCaseWorkers(),
        signal,
        onProgress: (progress) => tell(fingerprintProgress(progress, dataset.cases.length)),
      });
      return survey(name);
    },

    readFingerprint: (name) => keptFingerprint(preprocessed(name)),

    async plan(name, { planner, ...options }: PlanRequest) {
      const { check } = await trainable(name);
      const { document, jsonFile } = await open(name);
      const plans = await planAndSave({
        name,
        document,
        jsonFile,
        folder: preprocessed(name),
        planner: plannerNamed(planner),
        options,
        reader: check?.reader,
      });
      await survey(name);
      return plans.plans_name;
    },

    readPlans: async (name, plansName) =>
      readText(await keptPlans({ name, folder: preprocessed(name) }, plansName)),

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
      tell({ stage: 'Copying label maps', share: 0 });
      try {
        const { failures, ...outcome } = await preprocessPlanned({
          name,
          dataset: await open(name),
          plansName,
          configurations,
          folder: preprocessed(name),
          startWorkers: () => startCaseWorkers(),
          signal,
          onCase: (report) => tell(preprocessProgress(report, configurations)),
        });
        return { ...outcome, failures: failures.map(explained) };
      } catch (error) {
        throw explainWriteFailure(error, `preprocessed cases of ${name}`);
      } finally {
        await survey(name);
      }
    },
  };
}

function fingerprintProgress({ stage, share, caseId }: ExtractionProgress, total: number) {
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
