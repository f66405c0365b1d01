// The splits of a kept dataset: nnU-Net's own, or given ones.
import { crossValidationSplits, readSplits } from '@/core/dataset/splits';
import { readText, type SourceFile } from '@/core/io/sourceFile';
import type { DatasetApi, DatasetSplits } from '@/workers/data/api';
import type { DeskParts } from './datasetContext';

const SPLITS_FILE = 'splits_final.json';
/** nnU-Net makes five folds, one case at least in each. */
const MIN_CASES = 5;

type SplitCalls = Pick<DatasetApi, 'readSplits' | 'writeSplits' | 'removeSplits'>;

/** Given splits lie beside the raw dataset's dataset.json, where nnU-Net's users put them, and among the preprocessed. */
export function datasetSplits({ folders, browse, preprocessed, survey }: DeskParts): SplitCalls {
  const caseIdsOf = async (name: string) => (await browse(name)).cases.map(({ caseId }) => caseId);
  const raw = (name: string) => folders.folder(name, 'raw');

  async function read(
    name: string,
    file: SourceFile,
    origin: DatasetSplits['origin'],
  ): Promise<DatasetSplits> {
    const text = await readText(file);
    return { origin, splits: readSplits(text, file.path, await caseIdsOf(name)) };
  }

  return {
    async readSplits(name) {
      const given = await raw(name).open(SPLITS_FILE);
      if (given) return read(name, given, 'given');
      const made = await preprocessed(name).open(SPLITS_FILE);
      if (made) return read(name, made, 'nnunet');
      const caseIds = await caseIdsOf(name);
      if (caseIds.length < MIN_CASES) return undefined;
      return { origin: 'nnunet', splits: crossValidationSplits(caseIds) };
    },

    async writeSplits(name, text) {
      const splits = readSplits(text, SPLITS_FILE, await caseIdsOf(name));
      await raw(name).write(SPLITS_FILE, text);
      await preprocessed(name).write(SPLITS_FILE, text);
      await survey(name);
      return { origin: 'given', splits };
    },

    async removeSplits(name) {
      await raw(name).remove(SPLITS_FILE);
      await preprocessed(name).remove(SPLITS_FILE);
      await survey(name);
    },
  };
}
