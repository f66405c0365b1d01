import type { Finding } from '@/core/dataset/findings';

/** What the integrity check found, without its cases. */
export interface CheckSummary {
  readonly isTrainable: boolean;
  readonly errors: number;
  readonly warnings: number;
  /** Cases with at least one error. */
  readonly badCases: number;
  /** Of the dataset as a whole. */
  readonly findings: readonly Finding[];
  /** nnU-Net's name of the reader that was used. */
  readonly reader: string | undefined;
  /** Milliseconds since 1970. */
  readonly checkedAt: number;
}

/** A folder of preprocessed cases. */
export interface PreprocessedData {
  /** Its name, `nnUNetPlans_3d_fullres`. */
  readonly dataIdentifier: string;
  readonly cases: number;
  readonly sizeInBytes: number;
}

/** A label as dataset.json declares it: a value, or the values of a region. */
export interface DeclaredLabel {
  readonly name: string;
  readonly values: readonly number[];
}

/** Work on a dataset that is begun again, or goes on, if the page was closed before it was done. */
export type DatasetTask =
  | { readonly kind: 'check' }
  | { readonly kind: 'fingerprint' }
  /** With nnU-Net's default planner, or the named one. */
  | { readonly kind: 'plan'; readonly planner: string }
  | {
      readonly kind: 'preprocess';
      readonly plansName: string;
      readonly configurations: readonly string[];
    };

/** A dataset that is kept. Its files lie in `datasets/<name>/raw` and `…/preprocessed`. */
export interface DatasetRecord {
  /** `DatasetXXX_Name`; the key. */
  readonly name: string;
  /** Without `DatasetXXX_`. */
  readonly title: string;
  /** `preprocessed`: its images are not here, only label maps and what they were preprocessed to. */
  readonly kind: 'raw' | 'decathlon' | 'pairs' | 'sample' | 'preprocessed';
  /** Milliseconds since 1970. */
  readonly addedAt: number;
  readonly caseCount: number;
  /** Cases without a label map; absent in records from before such cases were kept. */
  readonly unlabelled?: number;
  /** When label maps were last added, milliseconds since 1970. */
  readonly labelledAt?: number;
  /** `numTraining` of dataset.json. */
  readonly numTraining: number;
  readonly channelNames: readonly string[];
  readonly labels: readonly DeclaredLabel[];
  readonly ignoreLabel: number | undefined;
  readonly fileEnding: string;
  /** Bytes as they were imported. */
  readonly rawBytes: number;
  readonly check: CheckSummary | undefined;
  readonly hasFingerprint: boolean;
  /** Names of its plans, sorted. */
  readonly plans: readonly string[];
  readonly preprocessed: readonly PreprocessedData[];
  /** Fingerprint, plans, splits, preprocessed cases and copies of label maps. */
  readonly preprocessedBytes: number;
  /** Asked for and not finished, in the order in which they are done. */
  readonly tasks: readonly DatasetTask[];
}

/** What the check keeps of a case to look at: a picture, and enough for the plots. */
export interface CasePreview {
  readonly thumbnail: Thumbnail;
  /** By channel. */
  readonly samples: readonly IntensitySample[];
}

/** A small even sample of intensities: of all voxels, and of the labelled ones. */
export interface IntensitySample {
  readonly all: Float32Array;
  readonly foreground: Float32Array;
}

/** A slice through the middle (of the labels, where there are any), 8 bits a pixel, rows from the top. */
export interface Thumbnail {
  readonly width: number;
  readonly height: number;
  readonly gray: Uint8Array;
  /** Label value of each pixel, up to 255. */
  readonly labels: Uint8Array;
}
