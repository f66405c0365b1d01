import type { ModelSharing } from '@/core/interop/bundleManifest';
import type { OnnxFacts } from '@/core/interop/foreignNetwork';
import type { Affine } from '@/core/io/orientation';
import type { Xyz } from '@/shared/geometry';
import type { CaseRecord } from '@/storage/caseRecord';
import type { ModelRecord } from '@/storage/modelLibrary';

/** A file someone dropped or picked, with its path below what was dropped. */
export interface GivenFile {
  readonly path: string;
  readonly content: Blob;
}

/** What became of the given files. */
export interface AddReport {
  readonly cases: readonly CaseRecord[];
  readonly models: readonly ModelRecord[];
  readonly problems: readonly FileProblem[];
}

/** A file that was not taken, and why. */
export interface FileProblem {
  readonly path: string;
  readonly name: string;
  readonly message: string;
  /** Of an ONNX file that only lacks its description: what the file itself says. */
  readonly onnx?: OnnxFacts;
}

/** One channel for the viewer: a plain NIfTI-1 file in memory, where it lies, and a window that shows it well. */
export interface DisplayVolume {
  readonly bytes: ArrayBuffer;
  readonly affine: Affine;
  readonly window: { readonly low: number; readonly high: number };
}

/** Labels for the viewer. */
export interface DisplayLabels {
  /** An unpacked NIfTI file. */
  readonly bytes: ArrayBuffer;
  /** By label value: its voxel nearest to its centre of gravity, file order. */
  readonly centers: Readonly<Record<number, Xyz>>;
}

/** A file to save. */
export interface SavedFile {
  readonly name: string;
  readonly content: Blob;
}

/** nnU-Net's zip, our bundle, ONNX with the folds averaged inside, or a zip of the files that it came with. */
export type ExportFormat = 'nnunet' | 'bundle' | 'onnx' | 'files';

/** Bytes of an archive that are written. */
export interface ExportProgress {
  readonly stage: 'writing';
  readonly done: number;
  readonly total: number;
}

/** Reading, checking and keeping files, off the page's thread. */
export interface FilesApi {
  /** Sorts the files into cases and models, checks them and keeps them. A bad file is a problem, not an exception. */
  add(
    files: readonly GivenFile[],
    origin: ModelRecord['origin'],
    onStep: (step: string) => void,
  ): Promise<AddReport>;
  /** `channel` of a case's image. Throws what is wrong with the image. */
  showImage(caseRecord: CaseRecord, channel: number): Promise<DisplayVolume>;
  showSegmentation(id: string): Promise<DisplayLabels>;
  /** The same with the inside of each label emptied, as an unpacked NIfTI file. */
  showOutlines(id: string): Promise<ArrayBuffer>;
  /** The segmentation under the case's name, as nnU-Net would name it. */
  saveSegmentation(caseRecord: CaseRecord): Promise<SavedFile>;
  saveProbabilities(caseRecord: CaseRecord): Promise<SavedFile>;
  /** One zip of all their segmentations (and probabilities where there are any). */
  saveAll(cases: readonly CaseRecord[]): Promise<SavedFile>;
  /**
   * A model of the library as a file to save. Rejects with an
   * `AbortError` after {@link FilesApi.cancelExport} of the same `callId`. Throws `ModelDamaged`, `StorageFull`.
   */
  exportModel(
    modelId: string,
    format: ExportFormat,
    sharing: ModelSharing,
    callId: string,
    onProgress: (progress: ExportProgress) => void,
  ): Promise<SavedFile>;
  cancelExport(callId: string): void;
  removeCases(ids: readonly string[]): Promise<void>;
  /** Deletes what no record speaks of: left by a tab that was closed in the middle. */
  sweep(keptCaseIds: readonly string[]): Promise<void>;
}
