// Datasets that are kept: what the dataset worker does, over whatever folders and records it is given.
import { openRawDataset } from '@/core/dataset/rawDataset';
import { readAnyPlans, withKeptConfigurations } from '@/core/planning/anyPlans';
import { plannerNamed } from '@/core/planning/planners';
import type { FingerprintDocument } from '@/core/planning/plansDocument';
import { readPlans } from '@/core/planning/readPlans';
import { fingerprintJson, plansJson } from '@/core/planning/writePlans';
import { messageOf, StudioError } from '@/shared/errors';
import type { DatasetFolders } from '@/storage/datasetFolder';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { explainWriteFailure, type RecordStore } from '@/storage/recordStore';
import type { DatasetApi, OnDatasetProgress, PlanRequest, PreprocessOutcome } from '@/workers/datasetApi';
import { type DatasetChecks, datasetChecks } from './datasetChecks';
import { type DatasetIntake, datasetIntake } from './datasetIntake';
import type { DeskParts } from './datasetParts';
import { datasetSplits } from './datasetSplits';
import { datasetViews } from './datasetViews';
import { type ExtractFingerprintJob, extractFingerprint } from './extractFingerprint';
import { planDataset, readFingerprint } from './planDataset';
import { type PreprocessDatasetJob, preprocessDataset } from './preprocessDataset';

export interface DatasetDeskNeeds {
  readonly folders: DatasetFolders;
  /** One {@link DatasetRecord} a dataset. */
  readonly records: RecordStore;
  /** What the integrity check found, and what there is to look at. */
  readonly checks: RecordStore;
  /** Runs `work` while no other worker or tab changes records. */
  readonly exclusively: <Result>(work: () => Promise<Result>) => Promise<Result>;
  /** How cases are spread over threads; here, one after the other, if left out. */
  readonly fingerprinting?: Pick<ExtractFingerprintJob, 'atOnce' | 'surveyor'>;
  readonly preprocessing?: Pick<PreprocessDatasetJob, 'atOnce'>;
}

export const FINGERPRINT_FILE = 'dataset_fingerprint.json';
/** JSON files among the preprocessed ones that are no plans. */
const NO_PLANS = new Set([FINGERPRINT_FILE, 'dataset.json', 'splits_final.json']);
/** No eye follows progress faster. */
const PROGRESS_INTERVAL_MS = 100;

export function createDatasetDesk(needs: DatasetDeskNeeds): DatasetApi {
  const { folders, records, exclusively } = needs;
  const running = new Map<string, AbortController>();

  const find = async (name: string): Promise<DatasetRecord> => {
    const record = await records.get<DatasetRecord>(name);
    if (record) return record;
    throw new StudioError(
      'DatasetMissing',
      `There is no dataset ${name} in this browser.`,
      'Import it again under Data.',
    );
  };
  const survey = (name: string, change: Partial<DatasetRecord> = {}) =>
    exclusively(async () => {
      const record = { ...(await find(name)), ...change, ...(await stateOf(folders, name)) };
      await records.set(name, record);
      return record;
    });
  const open = async (name: string) => openRawDataset(await folders.files(name, 'raw'));
  const preprocessed = (name: string) => folders.folder(name, 'preprocessed');
  const parts: DeskParts = { folders, find, open, preprocessed, survey };
  const checks: DatasetChecks = datasetChecks(parts, needs.checks);
  const intake: DatasetIntake = datasetIntake(parts, records);

  /** Runs a long call until it is done or cancelled. */
  async function cancellable<Result>(
    callId: string,
    onProgress: OnDatasetProgress,
    work: (signal: AbortSignal, onProgress: OnDatasetProgress) => Promise<Result>,
  ): Promise<Result> {
    const controller = new AbortController();
    running.set(callId, controller);
    try {
      return await work(controller.signal, throttled(onProgress));
    } finally {
      running.delete(callId);
    }
  }

  const fingerprintOf = async (name: string): Promise<FingerprintDocument | undefined> => {
    const file = await preprocessed(name).open(FINGERPRINT_FILE);
    return file && readFingerprint(new TextDecoder().decode(await file.bytes()), file.path);
  };

  async function plan(name: string, { planner: plannerName, ...options }: PlanRequest): Promise<string> {
    const record = await trainable(name);
    const fingerprint = await fingerprintOf(name);
    if (!fingerprint) {
      throw new StudioError('NoFingerprint', `${name} has no fingerprint.`, 'Take it under Data first.');
    }
    const dataset = await open(name);
    const planner = plannerNamed(plannerName);
    const plansName = options.plansName ?? planner.plansName;
    const plans = planDataset({
      name,
      document: dataset.document,
      fingerprint,
      planner,
      options: { ...options, plansName },
      reader: record.check?.reader,
    });
    const folder = preprocessed(name);
    const existing = await folder.open(`${plansName}.json`);
    const kept = existing && readAnyPlans(new TextDecoder().decode(await existing.bytes()), existing.path);
    await folder.write(`${plansName}.json`, plansJson(withKeptConfigurations(plans, kept)));
    await folder.write('dataset.json', await dataset.jsonFile.bytes());
    await survey(name);
    return plansName;
  }

  /** The record of a dataset that may be worked with. Throws `NotChecked` or `BadDataset`. */
  async function trainable(name: string): Promise<DatasetRecord> {
    const record = await find(name);
    if (!record.check) {
      throw new StudioError('NotChecked', `${name} has not been checked.`, 'Check it under Data first.');
    }
    if (record.check.isTrainable) return record;
    throw new StudioError(
      'BadDataset',
      `${name} cannot be used for training: its check found ${record.check.errors} errors.`,
      'They are listed under Data, each with what to do.',
    );
  }

  async function readPlansText(name: string, plansName: string): Promise<string> {
    const file = await preprocessed(name).open(`${plansName}.json`);
    if (file) return new TextDecoder().decode(await file.bytes());
    throw new StudioError('NoPlans', `${name} has no plans ${plansName}.`, 'Plan the dataset first.');
  }

  return {
    find,

    async list() {
      const found = await Promise.all((await records.keys()).map((key) => records.get<DatasetRecord>(key)));
      return found.filter((record) => record !== undefined).sort((a, b) => b.addedAt - a.addedAt);
    },

    setTasks: (name, tasks) =>
      exclusively(async () => {
        const record = { ...(await find(name)), tasks };
        await records.set(name, record);
        return record;
      }),

    recognise: (files, callId, onProgress) =>
      cancellable(callId, onProgress, (signal, tell) => intake.recognise(files, signal, tell)),
    importDataset: (files, name, callId, onProgress) =>
      cancellable(callId, onProgress, (signal, tell) => intake.importDataset(files, name, signal, tell)),
    importPairs: (files, facts, callId, onProgress) =>
      cancellable(callId, onProgress, (signal, tell) => intake.importPairs(files, facts, signal, tell)),

    check: (name, callId, onProgress) =>
      cancellable(callId, onProgress, (signal, tell) => checks.check(name, signal, tell)),
    readChecks: checks.readChecks,
    readGlances: checks.readGlances,
    readSamples: checks.readSamples,

    extractFingerprint: (name, callId, onProgress) =>
      cancellable(callId, onProgress, async (signal, tell) => {
        await trainable(name);
        const dataset = await open(name);
        const total = dataset.cases.length;
        const fingerprint = await extractFingerprint({
          dataset,
          ...needs.fingerprinting,
          signal,
          onProgress: ({ stage, share, caseId }) =>
            stage === 'reading'
              ? tell({
                  stage: 'Reading cases',
                  share: READING_SHARE * share,
                  done: Math.round(share * total),
                  total,
                  ...(caseId !== undefined && { item: caseId }),
                })
              : tell({ stage: 'Intensity statistics', share: READING_SHARE + (1 - READING_SHARE) * share }),
        });
        await preprocessed(name).write(FINGERPRINT_FILE, fingerprintJson(fingerprint));
        return survey(name);
      }),
    readFingerprint: fingerprintOf,

    plan,
    readPlans: readPlansText,

    async writePlans(name, text) {
      await find(name);
      const { plans_name: plansName } = readAnyPlans(text, 'plans');
      readPlans(text, `${plansName}.json`);
      if (!/^[\w.-]+$/.test(plansName) || NO_PLANS.has(`${plansName}.json`)) {
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

    preprocess: (name, { plansName, configurations }, callId, onProgress) =>
      cancellable(callId, onProgress, async (signal, tell): Promise<PreprocessOutcome> => {
        await trainable(name);
        const dataset = await open(name);
        const plans = readPlans(await readPlansText(name, plansName), `${plansName}.json`);
        const folder = preprocessed(name);
        await folder.write('dataset.json', await dataset.jsonFile.bytes());
        tell({ stage: 'Getting ready', share: 0 });
        try {
          const { preprocessed, skipped, failures } = await preprocessDataset({
            dataset,
            plans,
            configurations,
            folder,
            ...needs.preprocessing,
            signal,
            onCase: ({ configuration, caseId, done, total }) => {
              const before = configurations.indexOf(configuration);
              const share = (before + done / total) / configurations.length;
              tell({ stage: configuration, share, done, total, item: caseId });
            },
          });
          return {
            preprocessed,
            skipped,
            failures: failures.map(({ configuration, caseId, error }) => ({
              configuration,
              caseId,
              message: messageOf(error),
            })),
          };
        } catch (error) {
          throw explainWriteFailure(error, `preprocessed cases of ${name}`);
        } finally {
          await survey(name);
        }
      }),

    ...datasetSplits(parts),
    ...datasetViews(parts),

    cancel: (callId) => running.get(callId)?.abort(),

    async remove(name, part) {
      if (part === 'preprocessed') {
        await removeArrays(folders, name);
        await survey(name);
        return;
      }
      await records.remove([name]);
      await checks.forget(name);
      await folders.remove(name);
    },

    sweep: intake.sweep,
  };
}

/** Part of a fingerprint's time that goes into reading the cases. */
const READING_SHARE = 0.5;

/** Passes on a new stage at once, and within a stage at most ten reports a second. */
function throttled(tell: OnDatasetProgress): OnDatasetProgress {
  let lastStage = '';
  let lastTime = 0;
  return (progress) => {
    const now = performance.now();
    const isLast = progress.done !== undefined && progress.done === progress.total;
    if (progress.stage === lastStage && now - lastTime < PROGRESS_INTERVAL_MS && !isLast) return;
    lastStage = progress.stage;
    lastTime = now;
    tell(progress);
  };
}

/** What the folder of preprocessed data says. */
async function stateOf(
  folders: DatasetFolders,
  name: string,
): Promise<Pick<DatasetRecord, 'hasFingerprint' | 'plans' | 'preprocessed' | 'preprocessedBytes'>> {
  const files = await folders.files(name, 'preprocessed');
  const arrays = new Map<string, { cases: number; sizeInBytes: number }>();
  let preprocessedBytes = 0;
  for (const { path, sizeInBytes } of files) {
    preprocessedBytes += sizeInBytes;
    const [, folder, file] = path.split('/');
    if (file === undefined || !/\.(npz|pkl)$/.test(file)) continue;
    const known = arrays.get(folder) ?? { cases: 0, sizeInBytes: 0 };
    const isCase = file.endsWith('.npz');
    arrays.set(folder, {
      cases: known.cases + (isCase ? 1 : 0),
      sizeInBytes: known.sizeInBytes + sizeInBytes,
    });
  }
  const top = files.map(({ path }) => path.split('/')).filter(({ length }) => length === 2);
  const names = top.map(([, file]) => file);
  return {
    hasFingerprint: names.includes(FINGERPRINT_FILE),
    plans: names
      .filter((file) => file.endsWith('.json') && !NO_PLANS.has(file))
      .map((file) => file.slice(0, -'.json'.length))
      .sort(),
    preprocessed: [...arrays].map(([dataIdentifier, facts]) => ({ dataIdentifier, ...facts })),
    preprocessedBytes,
  };
}

/** Everything in folders; fingerprint, plans and splits lie beside them and stay. */
async function removeArrays(folders: DatasetFolders, name: string): Promise<void> {
  const folder = folders.folder(name, 'preprocessed');
  for (const { path } of await folders.files(name, 'preprocessed')) {
    const below = path.slice(name.length + 1);
    if (below.includes('/')) await folder.remove(below);
  }
}
