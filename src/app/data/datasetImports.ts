// Takes datasets in: all of one, or nothing of it.
import { findPreprocessedDataset } from '@/core/dataset/preprocessedDataset';
import { openRawDataset } from '@/core/dataset/rawDataset';
import { unlabelledCases } from '@/core/dataset/unlabelledCases';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { browserFile, type SourceFile } from '@/core/io/sourceFile';
import { caseOfFile } from '@/core/training/caseFormats';
import { StudioError } from '@/shared/errors';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { explainWriteFailure, type RecordStore } from '@/storage/recordStore';
import type {
  LabelsChoice,
  LabelsProposal,
  OnDatasetProgress,
  PairsFacts,
  RecognisedDataset,
} from '@/workers/data/api';
import type { GivenFile } from '@/workers/files/api';
import { addLabelMaps, matchLabelMaps, proposeLabelMaps } from './addLabelMaps';
import type { DatasetContext } from './datasetContext';
import { type DatasetImportOptions, importDataset, importPairs } from './importDataset';
import { assertCanJoin, importLabelsAsRaw, importPreprocessed } from './importPreprocessed';
import {
  datasetNameFor,
  findDatasetJson,
  findPairs,
  findUnlabelled,
  folderOfDataset,
  givenImages,
  isDecathlon,
  proposePairs,
} from './recogniseDataset';
import { SAMPLE_DATASET, writeSampleDataset } from './sampleDataset';

type Tell = OnDatasetProgress;

export interface DatasetImports {
  recognise(
    files: readonly GivenFile[],
    given: { readonly isExpected: boolean; readonly into?: string | undefined },
    signal: AbortSignal,
    tell: Tell,
  ): Promise<RecognisedDataset>;
  importDataset(
    files: readonly GivenFile[],
    name: string,
    signal: AbortSignal,
    tell: Tell,
    replaces: boolean,
  ): Promise<DatasetRecord>;
  importPairs(
    files: readonly GivenFile[],
    facts: PairsFacts,
    signal: AbortSignal,
    tell: Tell,
  ): Promise<DatasetRecord>;
  /** What nnU-Net preprocessed elsewhere: joins the dataset of that name, or is one whose images are not here. */
  importPreprocessed(
    files: readonly GivenFile[],
    name: string,
    signal: AbortSignal,
    tell: Tell,
  ): Promise<DatasetRecord>;
  addLabels(
    name: string,
    files: readonly GivenFile[],
    choice: LabelsChoice,
    signal: AbortSignal,
    tell: Tell,
  ): Promise<DatasetRecord>;
  /** The made-up dataset; the one that is here already if there is one. */
  importSample(signal: AbortSignal, tell: Tell): Promise<DatasetRecord>;
  sweep(): Promise<void>;
}

export function datasetImports(
  { folders, find, survey }: DatasetContext,
  records: RecordStore,
): DatasetImports {
  /**
   * Runs `copy`, makes the record; takes everything away again if either fails. `copy` empties the dataset's place once
   * it knows that what was given is a dataset: until then one that is replaced stays.
   */
  async function importInto(
    name: string,
    copy: (
      empty: () => Promise<void>,
    ) => Promise<{ readonly kind: DatasetRecord['kind']; readonly sizeInBytes: number }>,
    replaces = false,
  ): Promise<DatasetRecord> {
    let hasBegun = false;
    const empty = async () => {
      hasBegun = true;
      await records.remove([name]);
      await folders.remove(name);
    };
    try {
      const before = await records.get<DatasetRecord>(name);
      if (!replaces && before) throw existsAlready(name);
      const { kind, sizeInBytes } = await copy(empty);
      const record = await newRecord(name, kind, sizeInBytes);
      await records.set(name, before ? { ...record, title: before.title } : record);
      return await survey(name);
    } catch (error) {
      if (hasBegun) await empty();
      throw explainWriteFailure(error, name);
    }
  }

  /** What the raw files say. */
  async function rawFacts(name: string) {
    const { document, cases, channelNames } = await openRawDataset(await folders.files(name, 'raw'));
    const labels = [...document.labels].filter(([label]) => label !== 'ignore');
    const ignore = document.labels.get('ignore');
    return {
      caseCount: cases.length,
      unlabelled: unlabelledCases(cases).length,
      numTraining: document.numTraining,
      channelNames,
      labels: labels.map(([label, values]) => ({ name: label, values: [values].flat() })),
      ignoreLabel: typeof ignore === 'number' ? ignore : undefined,
      fileEnding: document.file_ending,
    };
  }

  async function newRecord(
    name: string,
    kind: DatasetRecord['kind'],
    rawBytes: number,
  ): Promise<DatasetRecord> {
    return {
      name,
      title: name.replace(/^Dataset\d{3}_/, ''),
      kind,
      addedAt: Date.now(),
      ...(await rawFacts(name)),
      rawBytes,
      check: undefined,
      hasFingerprint: false,
      plans: [],
      preprocessed: [],
      preprocessedBytes: 0,
      tasks: [],
    };
  }

  /** Label maps of a dataset that is here: of the one that is open, else of the one that lacks most of them. */
  async function findLabels(
    files: readonly SourceFile[],
    into: string | undefined,
    options: { readonly signal: AbortSignal; readonly onProgress: Tell },
  ): Promise<LabelsProposal | undefined> {
    let best: { readonly name: string; readonly count: number } | undefined;
    for (const name of into === undefined ? await records.keys() : [into]) {
      const record = await records.get<DatasetRecord>(name);
      if (!record || record.kind === 'preprocessed') continue;
      if (into === undefined && !record.unlabelled) continue;
      const { cases } = await openRawDataset(await folders.files(name, 'raw'));
      const { length: count } = matchLabelMaps(cases, files).matches;
      if (count > (best?.count ?? 0)) best = { name, count };
    }
    if (!best) return undefined;
    const dataset = await openRawDataset(await folders.files(best.name, 'raw'));
    const proposal = await proposeLabelMaps(dataset, best.name, files, options);
    return into !== undefined || proposal.matches.length > 0 ? proposal : undefined;
  }

  /** The fingerprint, and of these cases what was preprocessed: they are not of the label maps that are there now. */
  async function removeStale(name: string, caseIds: readonly string[]): Promise<void> {
    if (caseIds.length === 0) return;
    const stale = new Set(caseIds);
    const folder = folders.folder(name, 'preprocessed');
    await folder.remove(NNUNET_FILES.fingerprint);
    for (const { path } of await folders.files(name, 'preprocessed')) {
      const below = path.slice(name.length + 1);
      const [, file] = below.split('/');
      const caseId = file === undefined ? undefined : caseOfFile(file)?.caseId;
      if (caseId !== undefined && stale.has(caseId)) await folder.remove(below);
    }
  }

  return {
    async recognise(given, { isExpected, into }, signal, tell) {
      // A damaged zip is explained by whoever takes images and models.
      const files = await givenImages(sourcesOf(given)).catch(() => undefined);
      if (!files) return { kind: 'none' };
      const json = await findDatasetJson(files);
      const taken = [...(await records.keys()), ...(await folders.names())];
      if (json) {
        const name = datasetNameFor(folderOfDataset(json), taken);
        return {
          kind: isDecathlon(files) ? 'decathlon' : 'raw',
          name,
          isKept: (await records.get(name)) !== undefined,
        };
      }
      const preprocessed = await findPreprocessedDataset(files);
      if (preprocessed) return { kind: 'preprocessed', name: datasetNameFor(preprocessed.folder, taken) };
      const found = findPairs(files);
      const options = { signal, onProgress: tell };
      if (isExpected && (into !== undefined || !found || found.pairs.cases.length === 0)) {
        const labels = await findLabels(files, into, options);
        if (labels) return labels;
      }
      if (found && (isExpected || found.pairs.cases.length > 1)) {
        return proposePairs(found, { taken, ...options });
      }
      return (isExpected && (await findUnlabelled(files))) || { kind: 'none' };
    },

    async addLabels(name, given, choice, signal, tell) {
      const dataset = await openRawDataset(await folders.files(name, 'raw'));
      const files = await givenImages(sourcesOf(given));
      const options = { signal, onProgress: tell };
      try {
        const raw = folders.folder(name, 'raw');
        const { replaced } = await addLabelMaps(dataset, files, choice, raw, options);
        await removeStale(name, replaced);
      } catch (error) {
        throw explainWriteFailure(error, `label maps of ${name}`);
      } finally {
        const sizes = (await folders.files(name, 'raw')).map(({ sizeInBytes }) => sizeInBytes);
        await survey(name, {
          ...(await rawFacts(name)),
          rawBytes: sizes.reduce((sum, size) => sum + size, 0),
          labelledAt: Date.now(),
          check: undefined,
        });
      }
      return find(name);
    },

    importDataset: (given, name, signal, tell, replaces) =>
      importInto(
        name,
        (empty) => {
          const folderOf = async () => {
            await empty();
            return folders.folder(name, 'raw');
          };
          return importDataset(sourcesOf(given), folderOf, importOptions(signal, tell));
        },
        replaces,
      ),

    importPairs: (given, facts, signal, tell) =>
      importInto(facts.name, async (empty) => {
        const found = findPairs(await givenImages(sourcesOf(given)));
        if (!found)
          throw new StudioError(
            'NoDataset',
            'No image and label map have the same name.',
            'Name them alike.',
          );
        await empty();
        const labels = new Map(
          facts.labels.map(({ name, values }) => [name, values.length === 1 ? values[0] : values] as const),
        );
        const { name, channelNames, regionsClassOrder, fileEnding, withUnlabelled } = facts;
        return importPairs(
          withUnlabelled ? found.pairs : { ...found.pairs, unlabelled: [] },
          { name, channelNames, labels, fileEnding, ...(regionsClassOrder && { regionsClassOrder }) },
          folders.folder(name, 'raw'),
          importOptions(signal, tell),
        );
      }),

    async importPreprocessed(given, name, signal, tell) {
      const found = await findPreprocessedDataset(await givenImages(sourcesOf(given)));
      if (!found) {
        throw new StudioError('NoDataset', 'No preprocessed cases are among the files.', 'Drop them again.');
      }
      const options = importOptions(signal, tell);
      const arrays = () => importPreprocessed(found, folders.folder(name, 'preprocessed'), options);
      if (await records.get(name)) {
        const { cases } = await openRawDataset(await folders.files(name, 'raw'));
        await assertCanJoin(
          found,
          name,
          cases.map(({ caseId }) => caseId),
          folders,
        );
        await arrays();
        return survey(name);
      }
      return importInto(name, async (empty) => {
        await empty();
        await arrays();
        const sizeInBytes = await importLabelsAsRaw(found, folders.folder(name, 'raw'));
        return { kind: 'preprocessed', sizeInBytes };
      });
    },

    async importSample(signal, tell) {
      const kept = await records.get<DatasetRecord>(SAMPLE_DATASET);
      return (
        kept ??
        importInto(SAMPLE_DATASET, async (empty) => {
          await empty();
          const sizeInBytes = await writeSampleDataset(folders.folder(SAMPLE_DATASET, 'raw'), {
            signal,
            onProgress: (done, total) =>
              tell({ stage: 'Creating sample cases', share: done / total, done, total }),
          });
          return { kind: 'sample', sizeInBytes };
        })
      );
    },

    async sweep() {
      const kept = new Set(await records.keys());
      for (const name of await folders.names()) if (!kept.has(name)) await folders.remove(name);
    },
  };
}

function sourcesOf(given: readonly GivenFile[]) {
  return given.map(({ path, content }) => browserFile(content, path));
}

function importOptions(signal: AbortSignal, tell: Tell): DatasetImportOptions {
  return { signal, onProgress: (share, item) => tell({ stage: 'Copying', share, item }) };
}

function existsAlready(name: string): StudioError {
  return new StudioError(
    'DatasetExists',
    `There is a dataset ${name} here already.`,
    'Remove it first, or rename the folder.',
  );
}
