import type { NnunetModel, StateDict } from '@/core/interop/model';
import { type OnnxModelRequest, writeOnnxModel } from '@/core/interop/onnxModel';

/** A model, and how it is to be written. */
export interface ExportOnnxRequest
  extends Pick<OnnxModelRequest, 'model' | 'documents' | 'license' | 'citation'> {
  readonly loadFold: (fold: string) => Promise<StateDict>;
  /** Among the model's; left out, all of them. */
  readonly folds?: readonly string[];
  /** One file with the mean of all folds inside, instead of a file each. */
  readonly shouldAverageFolds: boolean;
}

/** A `.onnx` file that is ready to be saved. */
export interface OnnxFile {
  readonly name: string;
  readonly content: Uint8Array;
}

/** The model as ONNX files, one after the other. Throws as `writeOnnxModel`, and what reading the weights throws. */
export async function* exportOnnx(job: ExportOnnxRequest): AsyncGenerator<OnnxFile> {
  for (const group of foldGroups(job)) {
    const folds = new Map<string, StateDict>();
    for (const fold of group) folds.set(fold, await job.loadFold(fold));
    yield { name: fileNameOf(job.model, group), content: writeOnnxModel({ ...job, folds }) };
  }
}

type Groups = Pick<ExportOnnxRequest, 'model' | 'folds' | 'shouldAverageFolds'>;

/** Names of the files that {@link exportOnnx} makes. */
export function onnxFileNames(job: Groups): readonly string[] {
  return foldGroups(job).map((group) => fileNameOf(job.model, group));
}

/** Folds by the file they go into. */
function foldGroups({ model, folds, shouldAverageFolds }: Groups): readonly (readonly string[])[] {
  const chosen = folds ?? model.folds.map(({ fold }) => fold);
  return shouldAverageFolds ? [chosen] : chosen.map((fold) => [fold]);
}

/** `Dataset004_Hippocampus__nnUNetTrainer__nnUNetPlans__3d_fullres__fold_0.onnx`. */
function fileNameOf(model: NnunetModel, folds: readonly string[]): string {
  const { datasetName, trainerName, plans, configuration } = model;
  const of = folds.length > 1 ? `folds_${folds.join('_')}` : `fold_${folds[0]}`;
  return `${[datasetName, trainerName, plans.plansName, configuration.name, of].join('__')}.onnx`;
}
