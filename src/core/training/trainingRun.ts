// nnU-Net's training loop on a compiled program: epochs of training and validation iterations.

import { firstNotFinite } from '@/core/interop/finiteWeights';
import { type Gpu, whileDeviceLives } from '@/gpu/device';
import type { TuningStore } from '@/gpu/tuner';
import { compileFittingTraining } from '@/graph/fittingTraining';
import type { TrainingProgram } from '@/graph/trainingProgram';
import { tuneTraining } from '@/graph/tuneGraph';
import type { HardCounts } from '@/kernels/losses/hardCounts';
import type { BatchFeed, OpenBatchFeed, ReadyBatch } from './batchFeed';
import type { BatchKey } from './batchLoader';
import { diverged, isBetter, LossWatch } from './divergence';
import { Prefetcher } from './prefetch';
import { pseudoDice } from './pseudoDice';
import type { TrainedNetwork } from './trainedNetwork';
import type { Trainer } from './trainers';
import { withEpoch } from './trainingLog';
import { NO_PARTIAL_EPOCH, type TrainingState } from './trainingState';

/** How many of an epoch's losses are read back at most, as each read waits for the GPU; its loss is their mean. */
const LOSSES_PER_EPOCH = 50;
/**
 * Time that measuring kernels may take before the first step. Long enough to be done with it: other kernels round in
 * another way, and a run that is gone on with keeps its bits only with those it began with.
 */
const TUNING_LIMIT_MS = 60_000;
/** Losses in a row that scaling may leave out where half precision overflows, before the training has diverged. */
const SKIPPED_STEPS = 5;
/** Batches made ahead of the one on the GPU. */
const BATCHES_AHEAD = 2;

export interface TrainingRunOptions {
  readonly gpu: Gpu;
  readonly trainer: Trainer;
  readonly network: TrainedNetwork;
  readonly openFeed: OpenBatchFeed;
  /** Where measured choices of kernels are remembered; nothing is measured without it, nor on software adapters. */
  readonly tuning?: TuningStore;
}

/** A training step's place in the run. */
export interface TrainingStepReport {
  readonly epoch: number;
  readonly stage: 'training' | 'validation';
  /** Iterations of the stage that are done. */
  readonly done: number;
  readonly total: number;
  /** The newest loss that was read. */
  readonly loss: number | undefined;
}

export interface TrainingEpochReport {
  /** From 0. */
  readonly epoch: number;
  readonly epochs: number;
  readonly learningRate: number;
  readonly trainLoss: number;
  readonly valLoss: number;
  readonly dicePerClassOrRegion: readonly number[];
  readonly meanFgDice: number;
  readonly emaFgDice: number;
  readonly isBest: boolean;
  readonly seconds: number;
  /** Share of the training iterations' time in which the GPU had nothing to do because its batch was not ready. */
  readonly dataWaitShare: number;
}

/** How a run is watched, kept and stopped. */
export interface TrainingHooks {
  /** Fires to stop after the step under way. */
  readonly signal?: AbortSignal;
  /** Resolves at once, or when a pause ends. Asked before each step. */
  readonly whilePaused?: () => Promise<void>;
  /** Asked after each step: whether the state must be kept now. */
  readonly isCheckpointDue?: (state: { readonly epoch: number; readonly isEpochEnd: boolean }) => boolean;
  /** Keeps the state. */
  readonly save?: (reason: SaveReason, state: TrainingState) => Promise<void>;
  readonly onStep?: (report: TrainingStepReport) => void;
  readonly onEpoch?: (report: TrainingEpochReport, state: TrainingState) => Promise<void> | void;
}

/** Why a state is kept: an epoch was the best so far, it was due, the run was stopped, or is done. */
export type SaveReason = 'best' | 'due' | 'stopped' | 'final';

/** A network in training, resident on the GPU. */
export class TrainingRun {
  private readonly options: TrainingRunOptions;
  private readonly program: TrainingProgram;
  private readonly feed: BatchFeed;
  private readonly lossWatch: LossWatch;
  /** What does not lie on the GPU; weights and optimiser are those the run began with. */
  private state: TrainingState;

  private constructor(
    options: TrainingRunOptions,
    program: TrainingProgram,
    feed: BatchFeed,
    state: TrainingState,
  ) {
    this.options = options;
    this.program = program;
    this.feed = feed;
    this.state = { ...state, microBatch: this.microBatch };
    this.lossWatch = new LossWatch(options.network.setup.lossScaling === undefined ? 0 : SKIPPED_STEPS);
  }

  /**
   * Plans, compiles and loads; where the whole batch has no room on the device, it goes through the network in
   * micro-batches, which changes roundings alone. A run that is gone on with keeps the size it had, if there still is
   * room for it. Throws `GpuOutOfMemory`; nothing stays allocated then.
   */
  static async open(options: TrainingRunOptions, state: TrainingState): Promise<TrainingRun> {
    const { gpu, network, tuning } = options;
    const { setup, storage } = network;
    const measured = tuning && !gpu.facts.isSoftware;
    const kernels = measured ? await tuneTraining(gpu, setup, tuning, TUNING_LIMIT_MS) : {};
    const program = await compileFittingTraining(gpu, setup, { ...kernels, storage }, state.microBatch);
    try {
      const feed = await options.openFeed(gpu, program);
      program.setParameters(state.weights);
      if (state.optimiser) program.setOptimiser(state.optimiser);
      return new TrainingRun(options, program, feed, state);
    } catch (error) {
      program.destroy();
      throw error;
    }
  }

  /** On the device. */
  get allocatedBytes(): number {
    return this.program.allocatedBytes + this.feed.allocatedBytes;
  }

  /** Samples that go through the network at once. */
  get microBatch(): number {
    return this.options.network.batchSize / this.program.planned.microBatches;
  }

  /** The state now, read back from the GPU. */
  async currentState(): Promise<TrainingState> {
    const weights = new Map([...this.state.weights, ...(await this.program.readParameters())]);
    return { ...this.state, weights, optimiser: await this.program.readOptimiser() };
  }

  /**
   * Trains until the last epoch is done, or `signal` fires; the state is saved either way. Throws `TrainingDiverged` once the
   * loss or a weight is no number; what was kept before stays.
   */
  async train(hooks: TrainingHooks = {}): Promise<'done' | 'stopped'> {
    const { schedule } = this.options.trainer;
    const batches = new Prefetcher(this.keysToCome(), this.feed.prepare, BATCHES_AHEAD);
    while (this.state.epoch < schedule.epochs) {
      if (!(await this.trainEpoch(batches, hooks))) {
        await this.save('stopped', hooks);
        return 'stopped';
      }
    }
    await this.save('final', hooks);
    return 'done';
  }

  close(): void {
    this.feed.close();
    this.program.destroy();
  }

  /** Every batch from here to the end of the run, in order. */
  private *keysToCome(): Generator<BatchKey> {
    const { epochs, iterationsPerEpoch, validationIterationsPerEpoch } = this.options.trainer.schedule;
    let { iterations } = this.state.partial;
    for (let { epoch } = this.state; epoch < epochs; epoch++) {
      for (let i = iterations; i < iterationsPerEpoch; i++) {
        yield { kind: 'training', index: epoch * iterationsPerEpoch + i };
      }
      for (let i = 0; i < validationIterationsPerEpoch; i++) {
        yield { kind: 'validation', index: epoch * validationIterationsPerEpoch + i };
      }
      iterations = 0;
    }
  }

  /** The rest of the epoch; false if it was stopped. */
  private async trainEpoch(
    batches: Prefetcher<BatchKey, ReadyBatch>,
    hooks: TrainingHooks,
  ): Promise<boolean> {
    const { schedule, learningRate, initialLearningRate } = this.options.trainer;
    const { epoch } = this.state;
    const rate = learningRate(initialLearningRate, epoch, schedule.epochs);
    const before = this.state.partial.seconds;
    const worked = new Stopwatch(before);
    const waits = new DataWait();
    const total = schedule.iterationsPerEpoch;
    const lossEvery = Math.max(1, Math.floor(total / LOSSES_PER_EPOCH));
    let last: Promise<undefined> = Promise.resolve(undefined);
    let beforeLast = last;
    for (let i = this.state.partial.iterations; i < total; i++) {
      await worked.leaveOut(hooks.whilePaused?.());
      if (hooks.signal?.aborted) return false;
      const batch = await waits.forBatch(batches.next());
      await beforeLast;
      feed(batch);
      this.program.step(rate);
      beforeLast = last;
      last = this.idle();
      waits.isIdleAfter(last);
      const losses = [...this.state.partial.losses];
      if (i % lossEvery === lossEvery - 1) {
        const loss = await this.program.readLoss();
        if (this.lossWatch.isUsable(loss, { epoch, iteration: i + 1, total, stage: 'training' }))
          losses.push(loss);
      }
      this.state = { ...this.state, partial: { iterations: i + 1, losses, seconds: worked.seconds } };
      hooks.onStep?.({ epoch, stage: 'training', done: i + 1, total, loss: losses.at(-1) });
      if (i + 1 < total && hooks.isCheckpointDue?.({ epoch, isEpochEnd: false }))
        await this.save('due', hooks);
    }
    await last;
    const dataWaitShare = waits.seconds / (worked.seconds - before);
    const validation = await this.validate(batches, hooks, worked);
    if (!validation) return false;
    const { losses } = this.state.partial;
    await this.endEpoch(
      { ...validation, trainLoss: mean(losses), rate, seconds: worked.seconds, dataWaitShare },
      hooks,
    );
    return true;
  }

  /** Losses and pseudo Dice on validation batches; nothing if it was stopped. */
  private async validate(
    batches: Prefetcher<BatchKey, ReadyBatch>,
    hooks: TrainingHooks,
    worked: Stopwatch,
  ): Promise<{ valLoss: number; dice: readonly number[] } | undefined> {
    const total = this.options.trainer.schedule.validationIterationsPerEpoch;
    const losses: number[] = [];
    this.program.clearCounts();
    for (let i = 0; i < total; i++) {
      await worked.leaveOut(hooks.whilePaused?.());
      if (hooks.signal?.aborted) return undefined;
      feed(await batches.next());
      this.program.evaluate();
      const loss = await this.program.readLoss();
      const { epoch } = this.state;
      if (this.lossWatch.isUsable(loss, { epoch, iteration: i + 1, total, stage: 'validation' }))
        losses.push(loss);
      hooks.onStep?.({
        epoch,
        stage: 'validation',
        done: i + 1,
        total,
        loss: losses.at(-1),
      });
    }
    const counts = await this.program.readCounts();
    return { valLoss: mean(losses), dice: pseudoDice(this.withoutBackground(counts)) };
  }

  private async endEpoch(
    result: {
      readonly valLoss: number;
      readonly dice: readonly number[];
      readonly trainLoss: number;
      readonly rate: number;
      readonly seconds: number;
      readonly dataWaitShare: number;
    },
    hooks: TrainingHooks,
  ): Promise<void> {
    const { epoch, bestEma } = this.state;
    const { trainLoss, valLoss, dice, rate, seconds, dataWaitShare } = result;
    const end = Date.now() / 1000;
    const log = withEpoch(this.state.log, {
      trainLoss,
      valLoss,
      dicePerClassOrRegion: dice,
      learningRate: rate,
      start: end - seconds,
      end,
    });
    // The last entry: a checkpoint may have come without the log of the epochs before.
    const emaFgDice = log.emaFgDice[log.emaFgDice.length - 1];
    const isBest = isBetter(emaFgDice, bestEma);
    this.state = {
      ...this.state,
      log,
      epoch: epoch + 1,
      partial: NO_PARTIAL_EPOCH,
      bestEma: isBest ? emaFgDice : bestEma,
    };
    if (hooks.isCheckpointDue?.({ epoch, isEpochEnd: true })) await this.save('due', hooks);
    if (isBest) await this.save('best', hooks);
    const report: TrainingEpochReport = {
      epoch,
      epochs: this.options.trainer.schedule.epochs,
      learningRate: rate,
      trainLoss,
      valLoss,
      dicePerClassOrRegion: dice,
      meanFgDice: log.meanFgDice[log.meanFgDice.length - 1],
      emaFgDice,
      isBest,
      seconds,
      dataWaitShare,
    };
    await hooks.onEpoch?.(report, this.state);
  }

  private async save(reason: SaveReason, hooks: TrainingHooks): Promise<void> {
    if (hooks.save) await hooks.save(reason, await this.soundState());
  }

  /** The state now. Throws `TrainingDiverged` where a weight is no number, so that no checkpoint is replaced by it. */
  private async soundState(): Promise<TrainingState> {
    const state = await this.currentState();
    for (const [name, { data }] of state.weights) {
      if (firstNotFinite(data) >= 0) throw diverged(`weights of ${name} are`, state.epoch);
    }
    return state;
  }

  private idle(): Promise<undefined> {
    const { gpu } = this.options;
    return whileDeviceLives(gpu, gpu.device.queue.onSubmittedWorkDone());
  }

  private withoutBackground(counts: HardCounts): HardCounts {
    if (this.options.network.setup.loss.target.kind === 'regions') return counts;
    return {
      truePositives: counts.truePositives.slice(1),
      falsePositives: counts.falsePositives.slice(1),
      falseNegatives: counts.falseNegatives.slice(1),
    };
  }
}

function feed(batch: ReadyBatch | undefined): void {
  if (!batch) throw new Error('the run has more steps than batches');
  batch.feed();
}

/** How long the GPU stands still because a batch is not ready. */
class DataWait {
  private idleSince: number | undefined;
  private newest: Promise<unknown> | undefined;
  private waitedMs = 0;

  async forBatch<Batch>(batch: Promise<Batch>): Promise<Batch> {
    const asked = performance.now();
    const ready = await batch;
    const isIdle = this.idleSince !== undefined || this.newest === undefined;
    if (isIdle) this.waitedMs += performance.now() - Math.max(this.idleSince ?? asked, asked);
    return ready;
  }

  /** Told with each step's end. */
  isIdleAfter(done: Promise<unknown>): void {
    this.newest = done;
    this.idleSince = undefined;
    const end = () => {
      if (this.newest === done) this.idleSince = performance.now();
    };
    done.then(end, end);
  }

  get seconds(): number {
    return this.waitedMs / 1000;
  }
}

/** Time worked, without pauses. */
class Stopwatch {
  private started: number;

  /** `before`: seconds worked earlier. */
  constructor(before: number) {
    this.started = performance.now() - before * 1000;
  }

  get seconds(): number {
    return (performance.now() - this.started) / 1000;
  }

  async leaveOut(pause: Promise<void> | undefined): Promise<void> {
    if (!pause) return;
    const paused = performance.now();
    await pause;
    this.started += performance.now() - paused;
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
