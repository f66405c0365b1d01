import type { Architecture, Configuration } from '@/core/planning/plans';
import { withBatchNorm } from '@/nn/architecture';

/** The network that the trainer built: nnU-Net's `nnUNetTrainerBN` changes what the plans say. */
export function trainedArchitecture(
  { architecture }: Pick<Configuration, 'architecture'>,
  trainerName: string,
): Architecture {
  return /^nnUNetTrainerBN(?![A-Za-z])/.test(trainerName) ? withBatchNorm(architecture) : architecture;
}
