// What running work tells: the library's own types, so that those of the engine may change.

/** Where the prediction of one image is. */
export interface Progress {
  readonly stage: 'reading' | 'preprocessing' | 'network' | 'exporting' | 'writing';
  /** Share of the stage that is done, 0 to 1. */
  readonly share: number;
  /** Seconds until the image is done, once it can be told. */
  readonly secondsLeft?: number;
}

/** Where the fingerprint of a dataset is. */
export interface FingerprintProgress {
  readonly stage: 'reading' | 'statistics';
  /** Share of the stage that is done, 0 to 1. */
  readonly share: number;
  /** The case that was read last. */
  readonly caseId?: string;
}

/** One preprocessed case, in one configuration. */
export interface PreprocessedCase {
  readonly configuration: string;
  readonly caseId: string;
  /** `unchanged`: it was there already, of the same files and plans. */
  readonly status: 'done' | 'unchanged' | 'failed';
  /** Of a case that failed. */
  readonly error?: unknown;
  readonly seconds: number;
  /** Cases finished in this configuration, this one included. */
  readonly done: number;
  readonly total: number;
}

/** One training or validation iteration. */
export interface StepReport {
  /** From 0. */
  readonly epoch: number;
  readonly stage: 'training' | 'validation';
  /** Iterations of the stage that are done. */
  readonly done: number;
  readonly total: number;
  /** The newest loss that was read; `undefined` before the first. */
  readonly loss: number | undefined;
}

/** One epoch, with nnU-Net's figures. */
export interface EpochReport {
  /** From 0. */
  readonly epoch: number;
  readonly epochs: number;
  readonly learningRate: number;
  readonly trainLoss: number;
  readonly valLoss: number;
  /** Pseudo Dice of validation patches, 0 to 1, for each foreground label or region. */
  readonly dicePerClassOrRegion: readonly number[];
  readonly meanFgDice: number;
  /** Running mean of `meanFgDice`; the best one decides `checkpoint_best.pth`. */
  readonly emaFgDice: number;
  readonly isBest: boolean;
  readonly seconds: number;
}
