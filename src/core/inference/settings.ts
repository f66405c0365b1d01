/** How a case is predicted; the defaults are nnU-Net's. */
export interface PredictSettings {
  /** Folds to average, as named in the model. */
  readonly folds: readonly string[];
  /** Step between tiles as a share of the patch, in (0, 1]. */
  readonly tileStepSize: number;
  readonly useGaussian: boolean;
  /** Test-time mirroring over the model's allowed axes. */
  readonly useMirroring: boolean;
  readonly saveProbabilities: boolean;
}

/** Stages of one case in order, each reported with a share in [0, 1] of that stage. */
export type PredictStage = 'reading' | 'preprocessing' | 'network' | 'exporting' | 'writing';

export interface PredictProgress {
  readonly stage: PredictStage;
  /** Share of the stage that is done, 0…1. */
  readonly share: number;
  /** Seconds until the case is done, once it can be told. */
  readonly secondsLeft?: number;
}
