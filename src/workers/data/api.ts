import type { CaseCheck } from '@/core/dataset/integrity';
import type { Split } from '@/core/dataset/splits';
import type { FingerprintDocument } from '@/core/planning/plansDocument';
import type {
  CasePreview,
  DatasetRecord,
  DatasetTask,
  DeclaredLabel,
  IntensitySample,
} from '@/storage/datasetRecord';
import type { DisplayChannel, DisplayLabels, DisplayVolume, GivenFile, SavedFile } from '@/workers/files/api';

/** What given files are as training data. */
export type RecognisedDataset =
  /** A raw dataset or a Decathlon task, to be imported under this name; `isKept` where one of that name is here. */
  | { readonly kind: 'raw' | 'decathlon'; readonly name: string; readonly isKept: boolean }
  /** One that nnU-Net preprocessed; it joins the dataset of that name where that is here. */
  | { readonly kind: 'preprocessed'; readonly name: string }
  /** Images and label maps without a dataset.json: a form has to say what they are. */
  | PairsProposal
  | UnlabelledImages
  /** Label maps of a dataset that is here. */
  | LabelsProposal
  /** Something else. */
  | { readonly kind: 'none' };

/** Images without a label map among them that nnU-Net could not train on either: DICOM, Analyze. */
export interface UnlabelledImages {
  readonly kind: 'unlabelled';
  /** Sorted. */
  readonly caseIds: readonly string[];
}

/** What given label maps would add to a dataset that is here. */
export interface LabelsProposal {
  readonly kind: 'labels';
  /** The dataset's. */
  readonly name: string;
  /** Label maps that fit a case; `isThere` where the case has one already. */
  readonly matches: readonly { readonly caseId: string; readonly path: string; readonly isThere: boolean }[];
  readonly refused: readonly { readonly path: string; readonly reason: string }[];
  /** Labels of dataset.json. */
  readonly declared: readonly DeclaredLabel[];
  /** Values that dataset.json does not declare, ascending, with the number of cases that have each. */
  readonly newValues: readonly { readonly value: number; readonly cases: number }[];
}

/** What a person decided about label maps. */
export interface LabelsChoice {
  /** Whether cases that have a label map get the new one in its place. */
  readonly replaces: boolean;
  /** Names for new values. */
  readonly newLabels: readonly { readonly name: string; readonly value: number }[];
}

/** What the form for loose pairs starts from. */
export interface PairsProposal {
  readonly kind: 'pairs';
  /** Case ids of pairs, sorted. */
  readonly caseIds: readonly string[];
  /** Case ids of images without a label map, sorted. */
  readonly unlabelled: readonly string[];
  readonly channels: number;
  readonly fileEnding: string;
  /** Values found in the label maps, ascending, with the number of cases that have each. */
  readonly values: readonly { readonly value: number; readonly cases: number }[];
  /** Label maps without an image, and files of other formats. */
  readonly unpaired: readonly string[];
  /** A free `DatasetXXX_Name`. */
  readonly name: string;
}

/** The filled form. */
export interface PairsFacts {
  readonly name: string;
  readonly channelNames: readonly string[];
  /** `background` 0 included. */
  readonly labels: readonly DeclaredLabel[];
  readonly regionsClassOrder?: readonly number[];
  readonly fileEnding: string;
  /** Whether images without a label map are imported too. */
  readonly withUnlabelled: boolean;
}

/** How far a long call is. */
export interface DatasetProgress {
  /** What is being done, in words. */
  readonly stage: string;
  /** Of the stage, 0…1. */
  readonly share: number;
  /** Where it counts things. */
  readonly done?: number;
  readonly total?: number;
  /** The case or file just finished. */
  readonly item?: string;
}

export type OnDatasetProgress = (progress: DatasetProgress) => void;

export interface PlanRequest {
  /** nnU-Net's class name. */
  readonly planner: string;
  readonly gpuMemoryTargetGb?: number;
  /** mm, z y x. */
  readonly overwriteTargetSpacing?: readonly number[];
  readonly plansName?: string;
}

export interface PreprocessRequest {
  readonly plansName: string;
  readonly configurations: readonly string[];
}

/** What became of a preprocessing. */
export interface PreprocessOutcome {
  readonly preprocessed: readonly string[];
  readonly skipped: readonly { readonly configuration: string; readonly reason: string }[];
  readonly failures: readonly {
    readonly configuration: string;
    readonly caseId: string;
    readonly message: string;
  }[];
}

/** A case's picture, a PNG. */
export interface OverviewPicture {
  readonly caseId: string;
  readonly png: Uint8Array<ArrayBuffer>;
}

/** A case that could not be drawn, and why. */
export interface OverviewFailure {
  readonly caseId: string;
  readonly message: string;
}

/** As they are in the files, or less their case's mean and over its deviation, as most channels are normalised. */
export type IntensityScale = 'stored' | 'z-score';

/** The splits of a dataset. */
export interface DatasetSplits {
  readonly splits: readonly Split[];
  /** nnU-Net's own five folds, or given ones. */
  readonly origin: 'nnunet' | 'given';
}

/**
 * Datasets kept in this browser, off the page's thread. `name` is a dataset's `DatasetXXX_Name`. Long calls take a
 * `callId` for {@link DatasetApi.cancel}, which makes them reject with an `AbortError`.
 */
export interface DatasetApi {
  /** Newest first. */
  list(): Promise<readonly DatasetRecord[]>;
  /** Throws `DatasetMissing`. */
  find(name: string): Promise<DatasetRecord>;
  /** What people read instead of its name; the name itself is nnU-Net's, by which everything is found. */
  rename(name: string, title: string): Promise<DatasetRecord>;
  /** Keeps what else is to be done, so that a reload does not forget it. */
  addTasks(name: string, tasks: readonly DatasetTask[]): Promise<DatasetRecord>;
  /** Forgets the first task. */
  finishTask(name: string): Promise<DatasetRecord>;
  /** Forgets all of them. */
  dropTasks(name: string): Promise<DatasetRecord>;

  /**
   * Looks at names and dataset.json only, unless there are label maps without a dataset.json: they are read. They may belong
   * to the dataset `given.into`, or if that is left out, to any that lacks some. A single pair may as well be an image with
   * its reference, and is taken for training data only if `isExpected`; so are images and label maps by themselves.
   */
  recognise(
    files: readonly GivenFile[],
    given: { readonly isExpected: boolean; readonly into?: string | undefined },
    callId: string,
    onProgress: OnDatasetProgress,
  ): Promise<RecognisedDataset>;
  /** Copies a raw dataset or Decathlon task in under that name; a cancelled or failed copy leaves nothing. */
  importDataset(
    files: readonly GivenFile[],
    name: string,
    callId: string,
    onProgress: OnDatasetProgress,
  ): Promise<DatasetRecord>;
  /** The same in place of the dataset of that name, which stays where what was given turns out to be no dataset. */
  replaceDataset(
    files: readonly GivenFile[],
    name: string,
    callId: string,
    onProgress: OnDatasetProgress,
  ): Promise<DatasetRecord>;
  /** Copies loose pairs in, with a dataset.json of their own. */
  importPairs(
    files: readonly GivenFile[],
    facts: PairsFacts,
    callId: string,
    onProgress: OnDatasetProgress,
  ): Promise<DatasetRecord>;

  /**
   * Writes label maps beside the images of a dataset, and declares their new labels; it has to be checked again. Where label
   * maps are replaced, the fingerprint and what was preprocessed of their cases go. Throws `NoLabelMaps` where none fits.
   */
  addLabels(
    name: string,
    files: readonly GivenFile[],
    choice: LabelsChoice,
    callId: string,
    onProgress: OnDatasetProgress,
  ): Promise<DatasetRecord>;

  /**
   * Takes in a dataset that nnU-Net preprocessed elsewhere: what it was preprocessed to joins the dataset of that name where
   * that is here; else it becomes one whose images are not here. Throws `CasesDiffer`, `PreprocessedExists`.
   */
  importPreprocessed(
    files: readonly GivenFile[],
    name: string,
    callId: string,
    onProgress: OnDatasetProgress,
  ): Promise<DatasetRecord>;

  /** Makes up a small dataset to try the studio with, or finds the one made before. */
  importSample(callId: string, onProgress: OnDatasetProgress): Promise<DatasetRecord>;

  /** nnU-Net's integrity check; keeps what it finds. */
  check(name: string, callId: string, onProgress: OnDatasetProgress): Promise<DatasetRecord>;
  /** What the check found, by sorted case id; without findings before it. */
  readChecks(name: string): Promise<readonly CaseCheck[]>;
  /** What the check kept to look at, `undefined` where a case could not be read. */
  readPreviews(name: string, caseIds: readonly string[]): Promise<readonly (CasePreview | undefined)[]>;
  /** A small even sample of the intensities of all cases, by channel. */
  readSamples(name: string, scale: IntensityScale): Promise<readonly IntensitySample[]>;

  /**
   * Draws the labels of every case over one channel of its image, as nnU-Net's overview does, and hands out each picture as
   * it is ready. Returns the cases that could not be drawn.
   */
  drawOverview(
    name: string,
    channel: number,
    callId: string,
    onPicture: (picture: OverviewPicture) => void,
  ): Promise<readonly OverviewFailure[]>;

  extractFingerprint(name: string, callId: string, onProgress: OnDatasetProgress): Promise<DatasetRecord>;
  /** `undefined` before it is extracted. */
  readFingerprint(name: string): Promise<FingerprintDocument | undefined>;

  /** Plans by nnU-Net's rules and keeps them; returns their name. Throws `NoFingerprint`, `UnknownPlanner`. */
  plan(name: string, request: PlanRequest): Promise<string>;
  /** The text of a kept plans file. Throws `NoPlans`. */
  readPlans(name: string, plansName: string): Promise<string>;
  /** Checks and keeps the text of a plans file under its own `plans_name`, which is returned. Throws `BadPlans`. */
  writePlans(name: string, text: string): Promise<string>;
  removePlans(name: string, plansName: string): Promise<void>;

  /** Preprocesses for training; goes on where an earlier call stopped. */
  preprocess(
    name: string,
    request: PreprocessRequest,
    callId: string,
    onProgress: OnDatasetProgress,
  ): Promise<PreprocessOutcome>;

  /** What training would use. `undefined` below five cases without own splits. */
  readSplits(name: string): Promise<DatasetSplits | undefined>;
  /** Checks and keeps own splits. Throws `BadSplits`. */
  writeSplits(name: string, text: string): Promise<DatasetSplits>;
  /** Back to nnU-Net's own. */
  removeSplits(name: string): Promise<void>;

  /** Stops the call of that id, if it runs. */
  cancel(callId: string): void;
  /** Frees everything of a dataset, or what was preprocessed: fingerprint and plans stay. */
  remove(name: string, part: 'all' | 'preprocessed'): Promise<void>;

  /** A file of the dataset to save or read: `raw/dataset.json`, `preprocessed/nnUNetPlans.json`. */
  readFile(name: string, path: string): Promise<SavedFile>;
  /** One channel of a training case for the viewer. */
  showImage(name: string, caseId: string, channel: DisplayChannel): Promise<DisplayVolume>;
  showLabels(name: string, caseId: string): Promise<DisplayLabels>;

  /** Deletes what closed tabs left half-copied. Only while nobody adds. */
  sweep(): Promise<void>;
}
