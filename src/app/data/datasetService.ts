// Datasets that are kept: what the dataset worker does, over whatever folders and records it is given.

import { isPlansFile } from '@/core/dataset/preprocessedDataset';
import { openRawDataset, type RawDataset } from '@/core/dataset/rawDataset';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { caseOfFile, isCaseFile } from '@/core/training/caseFormats';
import { StudioError } from '@/shared/errors';
import { throttled } from '@/shared/throttledProgress';
import type { DatasetFolderStore } from '@/storage/datasetFolder';
import type { DatasetRecord } from '@/storage/datasetRecord';
import type { RecordStore } from '@/storage/recordStore';
import type { DatasetApi, OnDatasetProgress } from '@/workers/data/api';
import type { CaseWorkers } from '@/workers/data/caseWorkers';
import { datasetChecks } from './datasetChecks';
import type { DatasetContext } from './datasetContext';
import { datasetImports } from './datasetImports';
import { datasetSplits } from './datasetSplits';
import { datasetTasks } from './datasetTasks';
import { datasetViews } from './datasetViews';
import { type OverlayCase, preprocessedOverlays, rawOverlays, writeOverlays } from './plotOverlays';

export interface DatasetServiceOptions {
  readonly folders: DatasetFolderStore;
  /** One {@link DatasetRecord} a dataset. */
  readonly records: RecordStore;
  /** What the integrity check found, and what there is to look at. */
  readonly checks: RecordStore;
  /** Runs `work` while no other worker or tab changes records. */
  readonly exclusively: <Result>(work: () => Promise<Result>) => Promise<Result>;
  /** Starts who works on the cases; this thread if left out. */
  readonly startCaseWorkers?: () => CaseWorkers;
}

export function createDatasetService(needs: DatasetServiceOptions): DatasetApi {
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
  type Changes = Partial<DatasetRecord>;
  const change = (name: string, changes: (record: DatasetRecord) => Changes | Promise<Changes>) =>
    exclusively(async () => {
      const found = await find(name);
      const record = { ...found, ...(await changes(found)) };
      await records.set(name, record);
      return record;
    });
  const open = async (name: string) => openRawDataset(await folders.files(name, 'raw'));
  let browsed: { readonly version: string; readonly dataset: RawDataset } | undefined;
  const browse = async (name: string) => {
    const { addedAt, labelledAt } = await find(name);
    const version = `${name} ${addedAt} ${labelledAt}`;
    if (browsed?.version !== version) browsed = { version, dataset: await open(name) };
    return browsed.dataset;
  };
  const parts: DatasetContext = {
    folders,
    find,
    open,
    browse,
    preprocessed: (name) => folders.folder(name, 'preprocessed'),
    survey: (name, changed) => change(name, async () => ({ ...changed, ...(await stateOf(folders, name)) })),
  };
  const checks = datasetChecks(parts, needs.checks);
  const imports = datasetImports(parts, records);
  const { takeFingerprint, preprocess, ...planning } = datasetTasks(parts, needs.startCaseWorkers);

  /** Of the images that have label maps, as they are, or where they are not here, of what was preprocessed, in full resolution if there is any. */
  async function overlaysOfKept(name: string): Promise<readonly OverlayCase[]> {
    const { kind, preprocessed } = await find(name);
    if (kind !== 'preprocessed') {
      const dataset = await open(name);
      const labelled = dataset.cases.filter(({ label }) => label !== undefined);
      return labelled.length > 0 ? rawOverlays({ ...dataset, cases: labelled }) : [];
    }
    const identifiers = preprocessed.map(({ dataIdentifier }) => dataIdentifier);
    const [first = ''] = identifiers;
    const chosen = identifiers.find((identifier) => identifier.endsWith('_3d_fullres')) ?? first;
    return preprocessedOverlays(parts.preprocessed(name), { name: chosen, dataIdentifier: chosen });
  }

  /** Runs a long call until it is done or cancelled. */
  async function cancellable<Result>(
    callId: string,
    onProgress: OnDatasetProgress,
    work: (signal: AbortSignal, tell: OnDatasetProgress) => Promise<Result>,
  ): Promise<Result> {
    const controller = new AbortController();
    running.set(callId, controller);
    try {
      return await work(controller.signal, throttled(onProgress));
    } finally {
      running.delete(callId);
    }
  }

  return {
    find,

    async list() {
      const found = await Promise.all((await records.keys()).map((key) => records.get<DatasetRecord>(key)));
      return found.filter((record) => record !== undefined).sort((a, b) => b.addedAt - a.addedAt);
    },

    rename: (name, title) => change(name, () => ({ title })),
    addTasks: (name, tasks) => change(name, ({ tasks: waiting }) => ({ tasks: [...waiting, ...tasks] })),
    finishTask: (name) => change(name, ({ tasks }) => ({ tasks: tasks.slice(1) })),
    dropTasks: (name) => change(name, () => ({ tasks: [] })),

    recognise: (files, given, callId, onProgress) =>
      cancellable(callId, onProgress, (signal, tell) => imports.recognise(files, given, signal, tell)),
    importDataset: (files, name, callId, onProgress) =>
      cancellable(callId, onProgress, (signal, tell) =>
        imports.importDataset(files, name, signal, tell, false),
      ),
    replaceDataset: (files, name, callId, onProgress) =>
      cancellable(callId, onProgress, (signal, tell) =>
        imports.importDataset(files, name, signal, tell, true),
      ),
    importPairs: (files, facts, callId, onProgress) =>
      cancellable(callId, onProgress, (signal, tell) => imports.importPairs(files, facts, signal, tell)),

    importPreprocessed: (files, name, callId, onProgress) =>
      cancellable(callId, onProgress, (signal, tell) =>
        imports.importPreprocessed(files, name, signal, tell),
      ),

    addLabels: (name, files, choice, callId, onProgress) =>
      cancellable(callId, onProgress, (signal, tell) => imports.addLabels(name, files, choice, signal, tell)),

    importSample: (callId, onProgress) =>
      cancellable(callId, onProgress, (signal, tell) => imports.importSample(signal, tell)),

    check: (name, callId, onProgress) =>
      cancellable(callId, onProgress, (signal, tell) => checks.check(name, signal, tell)),
    readChecks: checks.readChecks,
    readPreviews: checks.readPreviews,
    readSamples: checks.readSamples,

    drawOverview: (name, channel, callId, onPicture) =>
      cancellable(
        callId,
        () => {},
        async (signal) =>
          writeOverlays(await overlaysOfKept(name), {
            channel,
            signal,
            write: (caseId, png) => onPicture({ caseId, png }),
          }),
      ),

    extractFingerprint: (name, callId, onProgress) =>
      cancellable(callId, onProgress, (signal, tell) => takeFingerprint(name, signal, tell)),
    preprocess: (name, request, callId, onProgress) =>
      cancellable(callId, onProgress, (signal, tell) => preprocess(name, request, signal, tell)),

    ...planning,
    ...datasetSplits(parts),
    ...datasetViews(parts),

    cancel: (callId) => running.get(callId)?.abort(),

    async remove(name, part) {
      if (part === 'preprocessed') {
        await removeArrays(folders, name);
        await parts.survey(name);
        return;
      }
      await records.remove([name]);
      await checks.forget(name);
      await folders.remove(name);
    },

    sweep: imports.sweep,
  };
}

/** What the folder of preprocessed data says. */
async function stateOf(
  folders: DatasetFolderStore,
  name: string,
): Promise<Pick<DatasetRecord, 'hasFingerprint' | 'plans' | 'preprocessed' | 'preprocessedBytes'>> {
  const files = await folders.files(name, 'preprocessed');
  const arrays = new Map<string, { cases: number; sizeInBytes: number }>();
  let preprocessedBytes = 0;
  for (const { path, sizeInBytes } of files) {
    preprocessedBytes += sizeInBytes;
    const [, folder, file] = path.split('/');
    if (file === undefined || !isCaseFile(file)) continue;
    const known = arrays.get(folder) ?? { cases: 0, sizeInBytes: 0 };
    arrays.set(folder, {
      cases: known.cases + (caseOfFile(file) ? 1 : 0),
      sizeInBytes: known.sizeInBytes + sizeInBytes,
    });
  }
  const top = files.map(({ path }) => path.split('/')).filter(({ length }) => length === 2);
  const names = top.map(([, file]) => file);
  return {
    hasFingerprint: names.includes(NNUNET_FILES.fingerprint),
    plans: names
      .filter(isPlansFile)
      .map((file) => file.slice(0, -'.json'.length))
      .sort(),
    preprocessed: [...arrays].map(([dataIdentifier, facts]) => ({ dataIdentifier, ...facts })),
    preprocessedBytes,
  };
}

/** Everything in folders; fingerprint, plans and splits lie beside them and stay. */
async function removeArrays(folders: DatasetFolderStore, name: string): Promise<void> {
  const folder = folders.folder(name, 'preprocessed');
  for (const { path } of await folders.files(name, 'preprocessed')) {
    const below = path.slice(name.length + 1);
    if (below.includes('/')) await folder.remove(below);
  }
}
