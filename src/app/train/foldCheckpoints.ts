import { CHECKPOINTS } from '@/core/interop/nnunetFiles';
import type { CheckpointContext } from '@/core/training/checkpoint';
import type { SaveReason } from '@/core/training/trainingRun';
import type { TrainingState } from '@/core/training/trainingState';
import { writeCheckpoint } from '@/core/training/writeCheckpoint';
import type { CheckpointStore } from '@/storage/checkpointStore';

/** nnU-Net writes its latest checkpoint this often, epochs. */
const EPOCHS_BETWEEN_CHECKPOINTS = 50;
/** And so often in any case, so that little is lost when the machine goes. */
const MINUTES_BETWEEN_CHECKPOINTS = 10;

const NAME_BY_REASON: Readonly<Record<SaveReason, string>> = {
  best: CHECKPOINTS.best,
  due: CHECKPOINTS.latest,
  stopped: CHECKPOINTS.latest,
  final: CHECKPOINTS.final,
};

export interface CheckpointSaverOptions {
  readonly checkpoints: CheckpointStore;
  readonly hasCheckpoints: boolean;
  readonly minutesBetweenCheckpoints?: number;
  readonly isCheckpointWanted?: () => boolean;
  /** Told of what could not be kept, or read; the run goes on, and tries again when the next one is due. */
  readonly onTrouble?: (error: unknown) => Promise<void>;
}

/** Writes checkpoints under nnU-Net's names, when they are due. */
export class CheckpointSaver {
  private readonly options: CheckpointSaverOptions;
  private readonly context: CheckpointContext;
  private latestAt = performance.now();
  private mustClear: boolean;
  /** Where it could not be written: the state that still is the best. */
  private unkeptBest: TrainingState | undefined;

  /** A run that is not continued clears away what an earlier one left, once it has something of its own. */
  constructor(options: CheckpointSaverOptions, context: CheckpointContext, isContinued: boolean) {
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

  /** Throws where the last state of a run cannot be written. */
  async save(reason: SaveReason, state: TrainingState): Promise<void> {
    if (!this.options.hasCheckpoints) return;
    if (reason === 'best') this.unkeptBest = state;
    else if (!(await this.keep(NAME_BY_REASON[reason], state, { mustKeep: reason !== 'due' }))) return;
    if (!this.unkeptBest) return;
    const isKept = await this.keep(NAME_BY_REASON.best, this.unkeptBest, { mustKeep: false });
    if (isKept) this.unkeptBest = undefined;
  }

  /** Whether it could be kept. */
  private async keep(
    name: string,
    state: TrainingState,
    { mustKeep }: { readonly mustKeep: boolean },
  ): Promise<boolean> {
    const content = writeCheckpoint(state, this.context);
    try {
      await this.replace(name, content);
      return true;
    } catch (error) {
      if (mustKeep) throw error;
      await this.options.onTrouble?.(error);
      return false;
    } finally {
      if (name === CHECKPOINTS.latest) this.latestAt = performance.now();
    }
  }

  private async replace(name: string, content: Uint8Array): Promise<void> {
    const { checkpoints } = this.options;
    if (this.mustClear) {
      // They would be gone on from instead of this run's.
      for (const other of Object.values(CHECKPOINTS)) if (other !== name) await checkpoints.remove(other);
      this.mustClear = false;
    }
    await checkpoints.write(name, content);
    if (name === CHECKPOINTS.final) await checkpoints.remove(CHECKPOINTS.latest);
  }
}
