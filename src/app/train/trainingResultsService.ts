// What runs have left to look at: logs, predictions of the validation, files to take elsewhere.

import { displayLabels, plainLabelMap } from '@/app/files/displayLabels';
import { PredictionSession } from '@/app/segment/predictionSession';
import { openRawDataset } from '@/core/dataset/rawDataset';
import { importModel } from '@/core/interop/importModel';
import { CHECKPOINTS, NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { writeSegmentation } from '@/core/io/niftiWriter';
import { readAsStored, readCase } from '@/core/io/readers';
import { readText, type SourceFile } from '@/core/io/sourceFile';
import { zipPart } from '@/core/io/zipStream';
import { caseOfFile } from '@/core/training/caseFormats';
import type { Gpu } from '@/gpu/device';
import { StudioError } from '@/shared/errors';
import { checkpointFiles, checkpointUsage, removeCheckpoints } from '@/storage/checkpointStoreRecords';
import type { DatasetFolderStore } from '@/storage/datasetFolder';
import type { PredictionMoment, TrainingRequest, TrainingResultsApi } from '@/workers/train/api';
import { type ClusterOptions, trainForCluster } from './clusterService';
import { modelFiles, modelFolderName, type RunStores } from './runModelFiles';

export interface TrainingResultsOptions extends RunStores, Pick<ClusterOptions, 'archives'> {
  readonly datasets: DatasetFolderStore;
  readonly openGpu: () => Promise<Gpu>;
}

/** Folder of predictions made while a run is trained. */
const LIVE = 'live';

export function createTrainingResultsService(needs: TrainingResultsOptions): TrainingResultsApi {
  const { runs, checkpoints } = needs;

  async function predictionOf(
    { runId, fold }: TrainingRequest,
    caseId: string,
    moment: PredictionMoment,
  ): Promise<SourceFile> {
    const folder = runs.folder(runId);
    const below = moment === 'live' ? LIVE : `fold_${fold}/validation`;
    const names = (await folder.list(below)).filter((name) => isFileOf(name, caseId));
    const files = await Promise.all(names.map((name) => folder.open(`${below}/${name}`)));
    const found = files.filter((file) => file !== undefined);
    if (found.length === 0) {
      throw new StudioError('MissingFile', `There is no prediction of ${caseId}.`, 'Validate the run again.');
    }
    return plainLabelMap(await readAsStored(found), caseId);
  }

  async function remove(runId: string): Promise<void> {
    await removeCheckpoints(checkpoints, runId);
    await runs.remove(runId);
  }

  return {
    async readTexts({ runId, fold }) {
      const folder = runs.folder(runId);
      const below = `fold_${fold}`;
      const logs = (await folder.list(below))
        .filter((name) => /^training_log_.*\.txt$/.test(name))
        .sort(inOrder);
      const texts = await Promise.all(logs.map((name) => textOf(folder.open(`${below}/${name}`))));
      return {
        log: texts.join(''),
        progress: await textOf(folder.open(`${below}/${NNUNET_FILES.progress}`)),
      };
    },

    showPrediction: async (order, caseId, moment) => displayLabels(await predictionOf(order, caseId, moment)),

    predictLive: (order, caseId) => predictLive(needs, order, caseId),

    async listForNextStage(orders, nextStage) {
      const below = `predicted_next_stage/${nextStage}`;
      const lists = await Promise.all(orders.map(({ runId }) => runs.folder(runId).list(below)));
      return [...new Set(lists.flat().flatMap((name) => caseOfFile(name)?.caseId ?? []))];
    },

    async saveResults(order) {
      const name = modelFolderName(order);
      const isKept = ({ path }: SourceFile) => !path.startsWith(`${order.runId}/${LIVE}/`);
      const files = (await runs.files(order.runId)).filter(isKept);
      const kept = await checkpointFiles(checkpoints, order.runId);
      const saved = `${order.datasetName}_${name}_fold_${order.fold}.zip`;
      const content = await needs.archives.write(
        saved,
        [
          ...files.map((file) => zipPart(file, `${name}${file.path.slice(order.runId.length)}`)),
          ...kept.map((part) => ({ ...part, path: `${name}/fold_${order.fold}/${part.path}` })),
        ],
        {},
      );
      return { name: saved, content };
    },

    ...trainForCluster(needs),

    async measure(runId) {
      const files = await runs.files(runId);
      const usage = (await checkpointUsage(checkpoints)).find(({ run }) => run === runId);
      return files.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, usage?.sizeInBytes ?? 0);
    },

    remove,

    async sweep(keptRunIds) {
      const withCheckpoints = (await checkpointUsage(checkpoints)).map(({ run }) => run);
      for (const runId of new Set([...(await runs.ids()), ...withCheckpoints])) {
        if (!keptRunIds.includes(runId)) await remove(runId);
      }
    },
  };
}

/** Segments a case of the dataset with the best weights so far. */
async function predictLive(
  needs: TrainingResultsOptions,
  order: TrainingRequest,
  caseId: string,
): Promise<void> {
  const [{ model, loadFold }] = await importModel(await modelFiles(needs, [order], CHECKPOINTS.best));
  if (model.configuration.previousStage !== undefined) {
    throw new StudioError(
      'UnsupportedModel',
      'The second stage of a cascade cannot be shown on one image alone.',
      'Its validation shows it once it is trained.',
    );
  }
  const { cases } = await openRawDataset(await needs.datasets.files(order.datasetName, 'raw'));
  const images = cases.find((one) => one.caseId === caseId)?.images;
  if (!images) {
    throw new StudioError('CaseMissing', `${order.datasetName} has no case ${caseId}.`, 'Choose another.');
  }
  if (images.length === 0) {
    throw new StudioError(
      'MissingFile',
      `${order.datasetName} was preprocessed elsewhere: the image of ${caseId} is not here.`,
      'Import the dataset with its images to see one.',
    );
  }
  const image = await readCase(images, model.plans.imageReaderWriter, {
    channels: model.channelNames.length,
  });
  const session = new PredictionSession({
    model,
    loadFold,
    settings: {
      folds: [`${order.fold}`],
      tileStepSize: 0.5,
      useGaussian: true,
      useMirroring: false, // a preview, at the cost of one pass
      saveProbabilities: false,
    },
    openGpu: needs.openGpu,
  });
  try {
    const { segmentation, shape } = await session.predictArray(image);
    const content = await writeSegmentation(segmentation, shape, image.geometry);
    await needs.runs.folder(order.runId).write(`${LIVE}/${caseId}.nii.gz`, content);
  } finally {
    await session.close();
  }
}

/** `case.nii.gz` and side-cars such as `case.json`, but not `case_2.nii.gz`. */
function isFileOf(name: string, caseId: string): boolean {
  return name.startsWith(`${caseId}.`) && !/\.(npz|pkl)$/.test(name);
}

/** Names hold day and time without zeros in front of the day. */
const inOrder = new Intl.Collator('en', { numeric: true }).compare;

async function textOf(opening: Promise<SourceFile | undefined>): Promise<string> {
  const file = await opening;
  return file ? await readText(file) : '';
}
