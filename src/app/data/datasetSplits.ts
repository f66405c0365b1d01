// The splits of a kept dataset: nnU-Net's own, or given ones.

import { crossValidationSplits, readSplits } from '@/core/dataset/splits';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { readText, type SourceFile } from '@/core/io/sourceFile';
import type { DatasetApi, DatasetSplits } from '@/workers/data/api';
import type { DatasetContext } from './datasetContext';

/** nnU-Net makes five folds, one case at least in each. */
const MIN_CASES = 5;

type SplitCalls = Pick<DatasetApi, 'readSplits' | 'writeSplits' | 'removeSplits'>;

/** Given splits lie beside the raw dataset's dataset.json, where nnU-Net's users put them, and among the preprocessed. */
export function datasetSplits({ folders, browse, preprocessed, survey }: DatasetContext): SplitCalls {
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
      const given = await raw(name).open(NNUNET_FILES.splits);
      if (given) return read(name, given, 'given');
      const made = await preprocessed(name).open(NNUNET_FILES.splits);
      if (made) return read(name, made, 'nnunet');
      const caseIds = await caseIdsOf(name);
      if (caseIds.length < MIN_CASES) return undefined;
      return { origin: 'nnunet', splits: crossValidationSplits(caseIds) };
    },

    async writeSplits(name, text) {
      const splits = readSplits(text, NNUNET_FILES.splits, await caseIdsOf(name));
      await raw(name).write(NNUNET_FILES.splits, text);
      await preprocessed(name).write(NNUNET_FILES.splits, text);
      await survey(name);
      return { origin: 'given', splits };
    },

    async removeSplits(name) {
      await raw(name).remove(NNUNET_FILES.splits);
      await preprocessed(name).remove(NNUNET_FILES.splits);
      await survey(name);
    },
  };
}
