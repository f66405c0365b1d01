// What a plans file says, resolved: inheritance followed, older formats converted, names in camelCase.

import type { IntensityProperties } from '@/core/preprocessing/normalization/scheme';
import type { NormalizationScheme } from '@/core/preprocessing/normalization/schemes';
import type { Architecture } from '@/nn/architecture';

export type { Architecture };

/** What is preprocessed where nobody names configurations, as in nnU-Net; those that the plans lack are left out. */
export const DEFAULT_CONFIGURATIONS: readonly string[] = ['2d', '3d_fullres', '3d_lowres'];

/** A resampling function and its arguments, as plans name them. */
export interface Resampling {
  readonly functionName: 'resample_data_or_seg_to_shape' | 'resample_torch_fornnunet' | 'no_resampling_hack';
  readonly isSeg: boolean;
  readonly order: number;
  readonly orderZ: number;
  /** `null`: decided from the spacings. */
  readonly forceSeparateZ: boolean | null;
  readonly separateZAnisotropyThreshold: number;
}

/** One configuration (`2d`, `3d_fullres`, …) with everything inherited filled in. */
export interface Configuration {
  readonly name: string;
  readonly dataIdentifier: string;
  readonly batchSize: number;
  /** 2 or 3 entries, transposed order. */
  readonly patchSize: readonly number[];
  /** mm, 2 or 3 entries, transposed order. */
  readonly spacing: readonly number[];
  readonly normalizationSchemes: readonly NormalizationScheme[];
  readonly useMaskForNorm: readonly boolean[];
  readonly resamplingData: Resampling;
  readonly resamplingSeg: Resampling;
  readonly resamplingProbabilities: Resampling;
  readonly architecture: Architecture;
  readonly batchDice: boolean;
  readonly previousStage: string | undefined;
}

export interface Plans {
  readonly datasetName: string;
  readonly plansName: string;
  readonly imageReaderWriter: string;
  readonly transposeForward: readonly [number, number, number];
  readonly transposeBackward: readonly [number, number, number];
  /** Per channel. */
  readonly foregroundIntensityProperties: readonly IntensityProperties[];
  readonly configurations: Readonly<Record<string, Configuration>>;
  /** Further configurations that cannot be used here, each with the message that says why. */
  readonly unusableConfigurations?: Readonly<Record<string, string>>;
}
