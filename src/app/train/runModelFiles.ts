import { CHECKPOINTS, NNUNET_FILES } from '@/core/interop/nnunetFiles';
import type { SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { type CheckpointRecords, recordCheckpoints } from '@/storage/checkpointStoreRecords';
import type { FolderStore } from '@/storage/datasetFolder';
import type { TrainingRequest } from '@/workers/train/api';

/** Where runs keep what they write. */
export interface RunStores {
  /** A folder a run, which is nnU-Net's `<trainer>__<plans>__<configuration>` of it alone. */
  readonly runs: FolderStore;
  readonly checkpoints: CheckpointRecords;
}

/** What a training leaves beside its checkpoints. */
const OF_TRAINING = /^(debug\.json|progress\.(json|png)|training_log_.*\.txt)$/;

/**
 * The files of nnU-Net's model folder that these folds make up, with one checkpoint each. Throws `NoCheckpoint` where the
 * first fold has none of that name.
 */
export async function modelFiles(
  { runs, checkpoints }: RunStores,
  folds: readonly TrainingRequest[],
  checkpointName: string = CHECKPOINTS.final,
): Promise<readonly SourceFile[]> {
  const [first] = folds;
  const root = modelFolderName(first);
  const files: SourceFile[] = [];
  const take = (file: SourceFile | undefined, path: string) => {
    if (file) files.push({ ...file, path: `${root}/${path}` });
  };
  for (const name of [NNUNET_FILES.plans, NNUNET_FILES.dataset, NNUNET_FILES.fingerprint]) {
    take(await runs.folder(first.runId).open(name), name);
  }
  for (const { runId, fold } of folds) {
    const below = `fold_${fold}`;
    const store = recordCheckpoints({ ...checkpoints, run: runId });
    take(await store.read(checkpointName), `${below}/${checkpointName}`);
    const folder = runs.folder(runId);
    const logs = (await folder.list(below)).filter((name) => OF_TRAINING.test(name));
    for (const name of [...logs, `validation/${NNUNET_FILES.summary}`]) {
      take(await folder.open(`${below}/${name}`), `${below}/${name}`);
    }
  }
  if (files.some(({ path }) => path.endsWith(`fold_${first.fold}/${checkpointName}`))) return files;
  throw new StudioError(
    'NoCheckpoint',
    `${root} has no ${checkpointName} of fold ${first.fold}.`,
    'Go on with the training.',
  );
}

/** nnU-Net's name of the folder that a training's results lie in. */
export function modelFolderName({ trainerName, plansName, configurationName }: TrainingRequest): string {
  return `${trainerName}__${plansName}__${configurationName}`;
}
