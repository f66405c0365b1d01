// What runs have left to look at: logs, predictions of the validation, files to take elsewhere.

import { readAsStored } from '@/core/io/readers';
import type { SourceFile } from '@/core/io/sourceFile';
import { writeZip } from '@/core/io/zip';
import { StudioError } from '@/shared/errors';
import type { CheckpointStore } from '@/storage/checkpointStore';
import type { FolderStore } from '@/storage/datasetFolder';
import type { TrainingOrder, TrainViewApi } from '@/workers/trainApi';
import { displayLabels, displayOutlines, plainLabelMap } from './displayVolume';
import { modelFolderName } from './trainDesk';
import { CHECKPOINTS } from './trainFoldCheckpoints';

export interface TrainViewNeeds {
  readonly runs: FolderStore;
  readonly checkpoints: (runId: string) => CheckpointStore;
}

export function createTrainView({ runs, checkpoints }: TrainViewNeeds): TrainViewApi {
  async function predictionOf({ runId, fold }: TrainingOrder, caseId: string): Promise<SourceFile> {
    const folder = runs.folder(runId);
    const below = `fold_${fold}/validation`;
    const names = (await folder.list(below)).filter((name) => isFileOf(name, caseId));
    const files = await Promise.all(names.map((name) => folder.open(`${below}/${name}`)));
    const found = files.filter((file) => file !== undefined);
    if (found.length === 0) {
      throw new StudioError('MissingFile', `There is no prediction of ${caseId}.`, 'Validate the run again.');
    }
    return plainLabelMap(await readAsStored(found), caseId);
  }

  return {
    async readTexts({ runId, fold }) {
      const folder = runs.folder(runId);
      const below = `fold_${fold}`;
      const logs = (await folder.list(below))
        .filter((name) => /^training_log_.*\.txt$/.test(name))
        .sort(inOrder);
      const texts = await Promise.all(logs.map((name) => textOf(folder.open(`${below}/${name}`))));
      return { log: texts.join(''), progress: await textOf(folder.open(`${below}/progress.json`)) };
    },

    showPrediction: async (order, caseId) => displayLabels(await predictionOf(order, caseId)),
    showPredictionOutlines: async (order, caseId) => displayOutlines(await predictionOf(order, caseId)),

    async saveResults(order) {
      const name = modelFolderName(order);
      const files = await runs.files(order.runId);
      const contents = await Promise.all(
        files.map(async (file) => ({
          path: `${name}${file.path.slice(order.runId.length)}`,
          content: await file.bytes(),
        })),
      );
      for (const checkpoint of Object.values(CHECKPOINTS)) {
        const file = await checkpoints(order.runId).read(checkpoint);
        if (!file) continue;
        contents.push({ path: `${name}/fold_${order.fold}/${checkpoint}`, content: await file.bytes() });
      }
      const zip = writeZip(contents);
      return {
        name: `${order.datasetName}_${name}_fold_${order.fold}.zip`,
        content: new Blob([zip as BlobPart]),
      };
    },

    async measure(runId) {
      const sizes = (await runs.files(runId)).map(({ sizeInBytes }) => sizeInBytes);
      for (const name of Object.values(CHECKPOINTS)) {
        sizes.push((await checkpoints(runId).read(name))?.sizeInBytes ?? 0);
      }
      return sizes.reduce((sum, size) => sum + size, 0);
    },

    async remove(runId) {
      for (const name of Object.values(CHECKPOINTS)) await checkpoints(runId).remove(name);
      await runs.remove(runId);
    },

    async sweep(keptRunIds) {
      for (const runId of await runs.ids()) if (!keptRunIds.includes(runId)) await this.remove(runId);
    },
  };
}

/** `case.nii.gz` and side-cars such as `case.json`, but not `case_2.nii.gz`. */
function isFileOf(name: string, caseId: string): boolean {
  return name.startsWith(`${caseId}.`) && !/\.(npz|pkl)$/.test(name);
}

/** Names hold day and time without zeros in front of the day. */
const inOrder = new Intl.Collator('en', { numeric: true }).compare;

async function textOf(opening: Promise<SourceFile | undefined>): Promise<string> {
  const file = await opening;
  return file ? new TextDecoder().decode(await file.bytes()) : '';
}
