// nnU-Net's text log of a training, and the lists of its logger as JSON and as a picture.

import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { pythonJson } from '@/core/interop/pythonJson';
import { hasNoScore, logEntries, type TrainingLog } from '@/core/training/trainingLog';
import type { TrainingEpochReport } from '@/core/training/trainingRun';
import type { DatasetFolder } from '@/storage/datasetFolder';
import type { FoldSetup } from './foldSetup';
import { curvesOfLog, type ProgressCurves } from './progressPlot';

/** A picture of a training's curves, as PNG; `undefined` where there is nothing to draw with. */
export type DrawProgress = (curves: ProgressCurves) => Promise<Uint8Array | undefined>;

/** Writes `training_log_*.txt`, `progress.json` and where it can be drawn `progress.png` into the fold's folder. */
export class TrainFoldLog {
  private readonly folder: DatasetFolder;
  private readonly below: string;
  private readonly name: string;
  private readonly drawProgress: DrawProgress | undefined;
  private text = '';

  constructor(folder: DatasetFolder, { question }: Pick<FoldSetup, 'question'>, drawProgress?: DrawProgress) {
    this.drawProgress = drawProgress;
    this.folder = folder;
    this.below = `fold_${question.fold}`;
    this.name = logName(new Date());
  }

  /** One line. */
  async addLine(line: string): Promise<void> {
    this.add(line);
    await this.writeText();
  }

  /** The lines that nnU-Net writes of an epoch. */
  async addEpoch(report: TrainingEpochReport, log: TrainingLog): Promise<void> {
    this.add('');
    this.add(`Epoch ${report.epoch}`);
    this.add(`Current learning rate: ${rounded(report.learningRate, 5)}`);
    this.add(`train_loss ${rounded(report.trainLoss, 4)}`);
    this.add(`val_loss ${rounded(report.valLoss, 4)}`);
    this.add(`Pseudo dice [${report.dicePerClassOrRegion.map((dice) => rounded(dice, 4)).join(', ')}]`);
    this.add(`Epoch time: ${rounded(report.seconds, 2)} s`);
    if (report.isBest) this.add(`Yayy! New best EMA pseudo Dice: ${rounded(report.emaFgDice, 4)}`);
    await this.writeText();
    await this.folder.write(
      `${this.below}/${NNUNET_FILES.progress}`,
      pythonJson(Object.fromEntries(logEntries(log)), { mayBeNaN: hasNoScore }),
    );
    const picture = await this.drawProgress?.(curvesOfLog(log));
    if (picture) await this.folder.write(`${this.below}/${NNUNET_FILES.progressPicture}`, picture);
  }

  private writeText(): Promise<void> {
    return this.folder.write(`${this.below}/${this.name}`, this.text);
  }

  private add(line: string): void {
    this.text += `${timestamp(new Date())}: ${line}\n`;
  }
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

function logName(now: Date): string {
  const day = [now.getFullYear(), now.getMonth() + 1, now.getDate()].join('_');
  return `training_log_${day}_${two(now.getHours())}_${two(now.getMinutes())}_${two(now.getSeconds())}.txt`;
}

/** As Python's `str(datetime.now())`, local time. */
function timestamp(now: Date): string {
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
  return `${day} ${time}.${String(now.getMilliseconds()).padStart(3, '0')}000`;
}

/** As numpy prints a number that `np.round` has rounded. */
function rounded(value: number, decimals: number): string {
  if (Number.isNaN(value)) return 'nan';
  return String(Number(value.toFixed(decimals)));
}
