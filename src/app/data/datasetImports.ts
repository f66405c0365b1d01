// Takes datasets in: all of one, or nothing of it.
import { findPreprocessedDataset } from '@/core/dataset/preprocessedDataset';
import { openRawDataset } from '@/core/dataset/rawDataset';
import { browserFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { explainWriteFailure, type RecordStore } from '@/storage/recordStore';
import type { OnDatasetProgress, PairsFacts, RecognisedDataset } from '@/workers/data/api';
import type { GivenFile } from '@/workers/files/api';
import type { DeskParts } from './datasetContext';
import { type ImportOptions, importDataset, importPairs } from './importDataset';
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

export interface DatasetIntake {
  recognise(
    files: readonly GivenFile[],
    isExpected: boolean,
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
  /** The made-up dataset; the one that is here already if there is one. */
  importSample(signal: AbortSignal, tell: Tell): Promise<DatasetRecord>;
  sweep(): Promise<void>;
}

export function datasetIntake({ folders, survey }: DeskParts, records: RecordStore): DatasetIntake {
  /**
   * Runs `copy`, makes the record; takes everything away again if either fails. `copy` empties the dataset's place once
   * it knows that what was given is a dataset: until then one that is replaced stays.
   */
  async function takeIn(
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

  async function newRecord(
    name: string,
    kind: DatasetRecord['kind'],
    rawBytes: number,
  ): Promise<DatasetRecord> {
    const { document, cases, channelNames } = await openRawDataset(await folders.files(name, 'raw'));
    const labels = [...document.labels].filter(([label]) => label !== 'ignore');
    const ignore = document.labels.get('ignore');
    return {
      name,
      title: name.replace(/^Dataset\d{3}_/, ''),
      kind,
      addedAt: Date.now(),
      caseCount: cases.length,
      numTraining: document.numTraining,
      channelNames,
      labels: labels.map(([label, values]) => ({ name: label, values: [values].flat() })),
      ignoreLabel: typeof ignore === 'number' ? ignore : undefined,
      fileEnding: document.file_ending,
      rawBytes,
      check: undefined,
      hasFingerprint: false,
      plans: [],
      preprocessed: [],
      preprocessedBytes: 0,
      tasks: [],
    };
  }

  return {
    async recognise(given, isExpected, signal, tell) {
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
      const unlabelled = isExpected && !found && (await findUnlabelled(files));
      if (unlabelled) return unlabelled;
      if (!found || (found.pairs.cases.length === 1 && !isExpected)) return { kind: 'none' };
      return proposePairs(found, { taken, signal, onProgress: tell });
    },

    importDataset: (given, name, signal, tell, replaces) =>
      takeIn(
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
      takeIn(facts.name, async (empty) => {
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
        const { name, channelNames, regionsClassOrder, fileEnding } = facts;
        return importPairs(
          found.pairs,
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
      return takeIn(name, async (empty) => {
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
        takeIn(SAMPLE_DATASET, async (empty) => {
          await empty();
          const sizeInBytes = await writeSampleDataset(folders.folder(SAMPLE_DATASET, 'raw'), {
            signal,
            onProgress: (done, total) => tell({ stage: 'Making up cases', share: done / total, done, total }),
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

function importOptions(signal: AbortSignal, tell: Tell): ImportOptions {
  return { signal, onProgress: (share, item) => tell({ stage: 'Copying', share, item }) };
}

function existsAlready(name: string): StudioError {
  return new StudioError(
    'DatasetExists',
    `There is a dataset ${name} here already.`,
    'Remove it first, or rename the folder.',
  );
}
