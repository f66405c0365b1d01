import { type CheckpointContext, writeCheckpoint } from '@/core/training/checkpoint';
import type { SaveReason } from '@/core/training/trainingRun';
import type { TrainingState } from '@/core/training/trainingState';
import type { CheckpointStore } from '@/storage/checkpointStore';

/** nnU-Net writes its latest checkpoint this often, epochs. */
const EPOCHS_BETWEEN_CHECKPOINTS = 50;
/** And so often in any case, so that little is lost when the machine goes. */
const MINUTES_BETWEEN_CHECKPOINTS = 10;

/** nnU-Net's names. */
export const CHECKPOINTS = {
  latest: 'checkpoint_latest.pth',
  best: 'checkpoint_best.pth',
  final: 'checkpoint_final.pth',
} as const;

const NAME_BY_REASON: Readonly<Record<SaveReason, string>> = {
  best: CHECKPOINTS.best,
  due: CHECKPOINTS.latest,
  stopped: CHECKPOINTS.latest,
  final: CHECKPOINTS.final,
};

export interface KeeperOptions {
  readonly checkpoints: CheckpointStore;
  readonly hasCheckpoints: boolean;
  readonly minutesBetweenCheckpoints?: number;
  readonly isCheckpointWanted?: () => boolean;
}

/** Writes checkpoints under nnU-Net's names, when they are due. */
export class CheckpointKeeper {
  private readonly options: KeeperOptions;
  private readonly context: CheckpointContext;
  private latestAt = performance.now();
  private mustClear: boolean;

  /** A run that is not continued clears away what an earlier one left, once it has something of its own. */
  constructor(options: KeeperOptions, context: CheckpointContext, isContinued: boolean) {
    this.options = options;
    this.context = context;
    this.mustClear = !isContinued;
  }

  isDue({ epoch, isEpochEnd }: { readonly epoch: number; readonly isEpochEnd: boolean }): boolean {
    const { hasCheckpoints, isCheckpointWanted, minutesBetweenCheckpoints } = this.options;
    if (!hasCheckpoints) return false;
    if (isCheckpointWanted?.()) return true;
    const isLast = epoch === this.context.trainer.schedule.epochs - 1;
    if (isEpochEnd && !isLast && (epoch + 1) % EPOCHS_BETWEEN_CHECKPOINTS === 0) return true;
    const minutes = minutesBetweenCheckpoints ?? MINUTES_BETWEEN_CHECKPOINTS;
    return performance.now() - this.latestAt >= minutes * 60_000;
  }

  async save(reason: SaveReason, state: TrainingState): Promise<void> {
    const { checkpoints, hasCheckpoints } = this.options;
    if (!hasCheckpoints) return;
    const name = NAME_BY_REASON[reason];
    const content = writeCheckpoint(state, this.context);
    if (this.mustClear) {
      // They would be gone on from instead of this run's.
      await checkpoints.remove(CHECKPOINTS.final);
      await checkpoints.remove(CHECKPOINTS.latest);
      this.mustClear = false;
    }
    await checkpoints.write(name, content);
    if (name === CHECKPOINTS.latest) this.latestAt = performance.now();
    if (name === CHECKPOINTS.final) await checkpoints.remove(CHECKPOINTS.latest);
  }
}
