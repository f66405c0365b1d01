// A dropped or named `.onnx` file as a model: nnU-Net's own where the file says so, else a foreign network with its JSON.

import { readText, type SourceFile, textFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { foreignModel, NETWORK_FILES, NETWORK_METADATA_KEY, readNetworkDescription } from './foreignNetwork';
import { isExportedModel, readOnnxModel } from './onnxModel';
import { type ReadOnnxModel, readOnnx } from './onnxReader';
import type { ReadModel } from './readModel';

export function isOnnxFile({ path }: Pick<SourceFile, 'path'>): boolean {
  return /\.onnx$/i.test(path);
}

/** The JSON beside an ONNX file: `net.json` for `net.onnx`. */
export function descriptionBeside(
  onnx: Pick<SourceFile, 'path'>,
  files: readonly SourceFile[],
): SourceFile | undefined {
  const name = onnx.path.replace(/\.onnx$/i, '.json');
  return files.find(({ path }) => path === name);
}

/**
 * The model in an ONNX file. `description`: the JSON of a network that is not nnU-Net's, unless it is in the file. Throws
 * `BadOnnx`, `BadDescription`, `NeedsDescription` where there is none, and `MissingFold`.
 */
export async function importOnnx(
  file: SourceFile,
  description: SourceFile | undefined,
  { folds }: { readonly folds?: readonly string[] } = {},
): Promise<ReadModel> {
  const onnx = readOnnx(await file.bytes(), file.path);
  const imported = isExportedModel(onnx) ? readOnnxModel(onnx, file) : await foreign(onnx, file, description);
  return folds ? withFolds(imported, folds) : imported;
}

async function foreign(
  onnx: ReadOnnxModel,
  file: SourceFile,
  beside: SourceFile | undefined,
): Promise<ReadModel> {
  const inside = onnx.metadata.get(NETWORK_METADATA_KEY);
  const text = beside ? await readText(beside) : inside;
  const where = beside ? beside.path : `${file.path}, metadata ${NETWORK_METADATA_KEY}`;
  if (text === undefined) {
    const json = file.path.replace(/\.onnx$/i, '.json');
    throw new StudioError(
      'NeedsDescription',
      `${file.path} does not say what its channels, voxel size and labels are.`,
      `Put a ${json} beside it (docs/onnx.md shows one), or fill in the form in the studio.`,
    );
  }
  return {
    ...foreignModel(onnx, file, readNetworkDescription(text, where)),
    files: [textFile(text, NETWORK_FILES.json), { ...file, path: NETWORK_FILES.onnx }],
  };
}

function withFolds(imported: ReadModel, folds: readonly string[]): ReadModel {
  const { model, origin } = imported;
  const missing = folds.filter((fold) => !model.folds.some((each) => each.fold === fold));
  if (missing.length > 0) {
    throw new StudioError(
      'MissingFold',
      `${origin} has no fold ${missing.join(', ')}; it has ${model.folds.map(({ fold }) => fold).join(', ')}.`,
      'Choose a fold that is there.',
    );
  }
  return { ...imported, model: { ...model, folds: model.folds.filter(({ fold }) => folds.includes(fold)) } };
}
