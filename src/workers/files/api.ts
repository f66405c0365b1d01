import type { ModelSharing } from '@/core/interop/bundleManifest';
import type { OnnxFacts } from '@/core/interop/foreignNetwork';
import type { Affine } from '@/core/io/orientation';
import type { Xyz } from '@/shared/geometry';
import type { CaseRecord, GivenSegmentation } from '@/storage/caseRecord';
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
  /** Cases that were there already, whose images were given once more. */
  readonly known?: readonly CaseRecord[];
  /** Segmentations of cases that were open. */
  readonly joined?: readonly JoinedSegmentation[];
}

/** A label map that was given while its case was open, and is kept as its segmentation. */
export interface JoinedSegmentation {
  /** The case's. */
  readonly id: string;
  readonly result: GivenSegmentation;
}

/** A file that was not taken, and why. */
interface FileProblem {
  readonly path: string;
  readonly name: string;
  readonly message: string;
  /** The file was taken; this is what to know of it. */
  readonly isNote?: boolean;
  /** Of an ONNX file that only lacks its description: what the file itself says. */
  readonly onnx?: OnnxFacts;
}

/** Intensities shown as black and white. */
export interface IntensityWindow {
  readonly low: number;
  readonly high: number;
}

/** One channel for the viewer, or a picture in its colours. */
export interface DisplayVolume {
  /** x fastest. Bytes are red, green, blue and opacity, four a pixel. */
  readonly voxels: Int16Array<ArrayBuffer> | Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
  readonly shape: Xyz;
  readonly affine: Affine;
  /** Between percentiles. */
  readonly automatic: IntensityWindow;
  /** Whether the values are those of a CT, by themselves: Hounsfield units with air or fat, and soft tissue. */
  readonly looksLikeCt: boolean;
  /** Whether the file says where left, front and top are. */
  readonly isOriented: boolean;
  /** Whether the file says how large a voxel is; pictures do not. */
  readonly hasMillimetres: boolean;
}

/** A channel by its number, or a picture's three as its colours. */
export type DisplayChannel = number | 'color';

/** Labels for the viewer. */
export interface DisplayLabels {
  /** x fastest. */
  readonly voxels: Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
  readonly shape: Xyz;
  readonly affine: Affine;
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
  /**
   * Sorts the files into cases and models, checks them and keeps them; label maps of cases in `open` become their
   * segmentations. A bad file is a problem, not an exception.
   */
  add(
    files: readonly GivenFile[],
    origin: ModelRecord['origin'],
    open: readonly CaseRecord[],
    onStep: (step: string) => void,
  ): Promise<AddReport>;
  /** `channel` of a case's image. Throws what is wrong with the image. */
  showImage(caseRecord: CaseRecord, channel: DisplayChannel): Promise<DisplayVolume>;
  showSegmentation(id: string): Promise<DisplayLabels>;
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
