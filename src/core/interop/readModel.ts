import type { SourceFile } from '@/core/io/sourceFile';
import type { ModelSharing } from './bundleManifest';
import type { NnunetModel, StateDict } from './model';

/** A model as a file or folder gives it, whatever its form. */
export interface ReadModel {
  readonly model: NnunetModel;
  /** Where it was found: the model folder's path, behind the zip's name if it was in one. */
  readonly origin: string;
  /** Bytes of the checkpoints of all its folds. */
  readonly sizeInBytes: number;
  /** What whoever shared it says of it. */
  readonly sharing?: ModelSharing;
  /** The files that make it up, of the checkpoints those it uses; paths are below the model folder. */
  readonly files: readonly SourceFile[];
  /** Weights of one fold, under plain names. Any fold of the folder, in the model's list or not. */
  loadFold(fold: string): Promise<StateDict>;
}
