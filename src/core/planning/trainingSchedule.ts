/** How long a training is: nnU-Net's default is 1000 epochs of 250 iterations, each with 50 validation batches. */
export interface TrainingSchedule {
  readonly epochs: number;
  readonly iterationsPerEpoch: number;
  readonly validationIterationsPerEpoch: number;
}

export const NNUNET_SCHEDULE: TrainingSchedule = {
  epochs: 1000,
  iterationsPerEpoch: 250,
  validationIterationsPerEpoch: 50,
};
