// A run of the browser on its way to a cluster.
import { openRawDataset } from '@/core/dataset/rawDataset';
import { assertLabelled } from '@/core/dataset/unlabelledCases';
import type { SourceFile } from '@/core/io/sourceFile';
import { readText } from '@/core/io/sourceFile';
import { type ZipPart, type ZipStreamOptions, zipPart } from '@/core/io/zipStream';
import { configurationOf, readPlans } from '@/core/planning/readPlans';
import { trainerNamed } from '@/core/training/trainers';
import { StudioError } from '@/shared/errors';
import { throttled } from '@/shared/throttledProgress';
import { checkpointFiles } from '@/storage/checkpointStoreRecords';
import type { DatasetFolderStore } from '@/storage/datasetFolder';
import type { ClusterChoice, RelatedRuns, TrainingRequest, TrainingResultsApi } from '@/workers/train/api';
import {
  type ClusterExport,
  clusterName,
  clusterParts,
  clusterSplitNotices,
  clusterSummary,
  withoutStaleFinal,
} from './exportForCluster';
import { modelFolderName, type RunStores } from './runModelFiles';

export interface ClusterOptions extends RunStores {
  readonly datasets: DatasetFolderStore;
  /** Where archives are put together. */
  readonly archives: {
    write(what: string, parts: readonly ZipPart[], options: ZipStreamOptions): Promise<Blob>;
    /** Into the file that a person chose. */
    writeInto(
      target: FileSystemFileHandle,
      parts: readonly ZipPart[],
      options: ZipStreamOptions,
    ): Promise<void>;
  };
}

/** The part of the view that takes runs to a cluster. */
export function trainForCluster(
  needs: ClusterOptions,
): Pick<TrainingResultsApi, 'previewForCluster' | 'saveForCluster' | 'cancelSaving'> {
  const running = new Map<string, AbortController>();
  return {
    async previewForCluster(order, related, choice) {
      const job = await jobOf(needs, order, related, { ...choice, hasRaw: true });
      const { rawBytes } = clusterSummary(job);
      return { ...clusterSummary(choice.hasRaw ? job : { ...job, raw: [] }), rawBytes };
    },

    async saveForCluster(order, related, choice, target, callId, onProgress) {
      const job = await jobOf(needs, order, related, choice);
      const parts = clusterParts(job);
      const total = clusterSummary(job).sizeInBytes;
      const controller = new AbortController();
      running.set(callId, controller);
      const tell = throttled(onProgress);
      const options: ZipStreamOptions = {
        signal: controller.signal,
        onProgress: (bytes) => tell({ stage: 'writing', done: Math.min(bytes, total), total }),
      };
      try {
        if (!target) {
          const name = clusterName(job);
          return { name, content: await needs.archives.write(name, parts, options) };
        }
        await needs.archives.writeInto(target, parts, options);
        return undefined;
      } finally {
        running.delete(callId);
      }
    },

    cancelSaving: (callId) => running.get(callId)?.abort(),
  };
}

async function jobOf(
  { datasets, runs, checkpoints }: ClusterOptions,
  order: TrainingRequest,
  { previousStage }: RelatedRuns,
  { gpus, hasRaw }: ClusterChoice,
): Promise<ClusterExport> {
  const { datasetName, plansName, configurationName, fold, trainerName, schedule, runId } = order;
  const plansFile = await datasets.folder(datasetName, 'preprocessed').open(`${plansName}.json`);
  if (!plansFile) {
    throw new StudioError('NoPlans', `${datasetName} has no ${plansName}.json.`, 'Plan it again under Data.');
  }
  const configuration = configurationOf(
    readPlans(await readText(plansFile), plansFile.path),
    configurationName,
    plansFile.path,
  );
  const kept = await checkpointFiles(checkpoints, runId);
  const ofRun = (await runs.files(runId)).map((file) => zipPart(file, belowFirst(file)));
  const trainer = { ...trainerNamed(trainerName), schedule };
  const beforeThis = await nextStageParts(
    { runs },
    previousStage.filter((one) => one.configurationName === configuration.previousStage),
    configurationName,
  );
  const preprocessed = datasets.folder(datasetName, 'preprocessed');
  const splitNotices = await clusterSplitNotices({
    question: { preprocessed, plansName, configurationName, fold },
    trainer,
    hasCheckpoint: kept.length > 0,
    previousStage: beforeThis,
  });
  return {
    datasetName,
    plansName,
    configurationName,
    fold,
    trainerName,
    schedule,
    batchSize: trainer.batchSize ?? configuration.batchSize,
    gpus,
    splitNotices,
    dataIdentifier: configuration.dataIdentifier,
    raw: hasRaw ? await rawFiles(datasets, datasetName) : [],
    preprocessed: await datasets.files(datasetName, 'preprocessed'),
    results: [
      ...ofRun.filter((part) => !/^live\/|\/validation\//.test(part.path)),
      ...(await withoutStaleFinal(kept)).map((part) => ({ ...part, path: `fold_${fold}/${part.path}` })),
    ],
    previousStage: beforeThis,
  };
}

/** None where the images are not here: what stands for them then is of no use to nnU-Net. */
async function rawFiles(datasets: DatasetFolderStore, name: string): Promise<readonly SourceFile[]> {
  const files = await datasets.files(name, 'raw');
  const dataset = await openRawDataset(files);
  if (!dataset.cases.some(({ images }) => images.length > 0)) return [];
  assertLabelled(dataset);
  return files;
}

/** What the stage before has left for this one. */
async function nextStageParts(
  { runs }: Pick<RunStores, 'runs'>,
  orders: readonly TrainingRequest[],
  configurationName: string,
): Promise<readonly ZipPart[]> {
  const below = `predicted_next_stage/${configurationName}/`;
  const found = new Map<string, ZipPart>();
  for (const order of orders) {
    for (const file of await runs.files(order.runId)) {
      const path = belowFirst(file);
      const at = `${order.datasetName}/${modelFolderName(order)}/${path}`;
      if (path.startsWith(below) && !found.has(at)) found.set(at, zipPart(file, at));
    }
  }
  return [...found.values()];
}

function belowFirst({ path }: SourceFile): string {
  return path.slice(path.indexOf('/') + 1);
}
