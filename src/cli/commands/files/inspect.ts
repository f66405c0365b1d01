import path from 'node:path';
import { importModels } from '@/core/interop/importModel';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { type DatasetDescription, readDatasetJson } from '@/core/interop/readDatasetJson';
import { openArchive } from '@/core/io/archive';
import { openB2nd } from '@/core/io/blosc2/b2nd';
import { findCases } from '@/core/io/cases';
import { formatOfKind, type ImageKind, isImageKind } from '@/core/io/formats';
import { readImageFacts } from '@/core/io/imageFacts';
import { hasVoxelEnding, withoutImageEnding } from '@/core/io/imageNames';
import { niftiFormat, niftiPairFormat } from '@/core/io/nifti';
import { type OtherKind, sniff, sniffFolder } from '@/core/io/sniff';
import { fileName, readText, type SourceFile } from '@/core/io/sourceFile';
import { tiffFormat } from '@/core/io/tiff';
import { withSideCars } from '@/core/io/tiff3dIO';
import { readPlans } from '@/core/planning/readPlans';
import { messageOf, StudioError } from '@/shared/errors';
import { formatShape } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import { filesBelow, filesIn, kindOf, nodeFile } from '@/storage/nodeFiles';
import { type Command, EXIT } from '../../command';
import { describeCheckpoint } from '../../describe/checkpoint';
import { describeImage, describeOtherImage } from '../../describe/image';
import { describeDataset, describeModel } from '../../describe/model';
import { describePlans } from '../../describe/plans';
import { formatRows, formatXyzSizes, type Row } from '../../describe/table';
import { type ParsedOptions, UsageError } from '../../options';

export const inspectCommand: Command = {
  name: 'inspect',
  summary: 'explains an image, a model, a checkpoint, plans, or a folder of them',
  usage: 'FILE|FOLDER …',
  options: [],
  notes: [],
  examples: [
    'nnstudio inspect scan.nii.gz',
    'nnstudio inspect model.zip',
    'nnstudio inspect nnUNetTrainer__nnUNetPlans__3d_fullres/fold_0/checkpoint_final.pth',
    'nnstudio inspect imagesTs',
  ],
  run,
};

async function run({ positionals }: ParsedOptions): Promise<number> {
  if (positionals.length === 0) throw new UsageError('Name a file or a folder to explain.');
  let hasFailed = false;
  for (const location of positionals) {
    try {
      for (const line of await explain(location)) console.log(line);
    } catch (error) {
      if (!(error instanceof StudioError)) throw error;
      console.error(`${location}: ${messageOf(error)}`);
      hasFailed = true;
    }
  }
  return hasFailed ? EXIT.someFailed : EXIT.ok;
}

async function explain(location: string): Promise<readonly string[]> {
  switch (await kindOf(location)) {
    case 'nothing':
      throw new StudioError('NotFound', 'There is no such file or folder.');
    case 'folder':
      return describeFolder(location);
    case 'file':
      return describeFile(location);
  }
}

async function describeFolder(folder: string): Promise<readonly string[]> {
  const files = await filesBelow(folder);
  const kind = sniffFolder(files);
  if (kind === 'nnunet-model') return describeModels(files);
  const { cases } = await findCases(files);
  const description = files.find(
    ({ path: name }) => name.split('/').length === 2 && name.endsWith(`/${NNUNET_FILES.dataset}`),
  );
  const lines = description ? [...describeDataset(await readDataset(description), description.path)] : [];
  if (cases.length === 0 && lines.length === 0) {
    throw new StudioError('NothingToExplain', 'No model, no dataset.json and no image is in it.');
  }
  const rows: Row[] = [];
  for (const { caseId, files: channels } of cases) rows.push([caseId, await summariseImage(channels)]);
  return [...lines, `${cases.length} ${cases.length === 1 ? 'image' : 'images'}`, ...formatRows(rows, '  ')];
}

async function summariseImage(files: readonly SourceFile[]): Promise<string> {
  try {
    const { shape, spacing, orientation, voxelType, channels } = await readImageFacts(files);
    const counted = channels > 1 ? `${channels} channels, ` : '';
    return `${counted}${formatXyzSizes(shape)} voxels, ${formatXyzSizes(spacing)} mm, ${orientation ?? 'no orientation'}, ${voxelType ?? 'picture'}`;
  } catch (error) {
    if (!(error instanceof StudioError)) throw error;
    return `cannot be read: ${messageOf(error)}`;
  }
}

async function describeModels(files: readonly SourceFile[]): Promise<readonly string[]> {
  const blocks: string[] = [];
  for (const outcome of await importModels(files)) {
    if (blocks.length > 0) blocks.push('');
    if ('error' in outcome)
      blocks.push(`Model ${outcome.origin} cannot be used: ${messageOf(outcome.error)}`);
    else blocks.push(...(await describeModel(outcome.imported)));
  }
  return blocks;
}

const NAMES: Readonly<Record<Exclude<OtherKind, ExplainedKind>, string>> = {
  jpeg: 'a JPEG picture, which is no medical image',
  numpy: 'a numpy array',
  'numpy-archive': 'an archive of numpy arrays',
  onnx: 'an ONNX network',
  safetensors: 'a safetensors file',
  'nnunet-fingerprint': 'a dataset fingerprint of nnU-Net',
  json: 'a JSON file that is neither plans nor a dataset description',
  gzip: 'a gzip file without an image in it',
  empty: 'an empty file',
  unknown: 'of no kind that is known here',
};

/** What is explained by more than its name. */
type ExplainedKind =
  | 'analyze-header'
  | 'torch-checkpoint'
  | 'blosc2'
  | 'zip'
  | 'model-bundle'
  | 'nnunet-plans'
  | 'nnunet-dataset';

async function describeFile(location: string): Promise<readonly string[]> {
  const file = await nodeFile(location);
  const kind = await sniff(file);
  if (isImageKind(kind)) return describeImageFile(kind, file, location);
  switch (kind) {
    case 'analyze-header':
      return describeImage([file]);
    case 'torch-checkpoint':
      return describeCheckpoint(file);
    case 'blosc2':
      return describeBlosc2(file);
    case 'zip':
      return describeZip(file);
    case 'model-bundle':
      return describeModels([file]);
    case 'nnunet-plans':
      return describePlans(readPlans(await readText(file), file.path));
    case 'nnunet-dataset':
      return describeDataset(await readDataset(file), file.path);
    default:
      return [`${fileName(file)} is ${NAMES[kind]}.`];
  }
}

async function describeBlosc2(file: SourceFile): Promise<readonly string[]> {
  const { shape, dtype, sizeInBytes } = await openB2nd(file);
  return [
    `${fileName(file)} is a Blosc2 array of ${formatShape(shape)}, ${dtype}, ${formatBytes(sizeInBytes)} unpacked.`,
  ];
}

async function describeZip(file: SourceFile): Promise<readonly string[]> {
  const entries = await openArchive(file);
  if (sniffFolder(entries) === 'nnunet-model') return describeModels([file]);
  return [`Zip archive ${fileName(file)} of ${entries.length} files, without a model in it.`];
}

/** An image with what lies beside it: the voxels of a detached header, the voxel size of a TIFF. */
async function describeImageFile(
  kind: ImageKind,
  file: SourceFile,
  location: string,
): Promise<readonly string[]> {
  const format = formatOfKind(kind);
  const describe = format?.label === niftiFormat.label ? describeImage : describeOtherImage;
  if (kind === tiffFormat.kind) {
    const [withSize] = withSideCars([file, ...(await siblingsOf(location, /\.json$/i))]);
    return describe([withSize]);
  }
  if (!format?.voxelEndings) return describe([file]);
  const voxels = (await siblingsOf(location, /./)).filter(hasVoxelEnding);
  const isOfPair = ({ path: name }: SourceFile) => withoutImageEnding(name) === withoutImageEnding(file.path);
  // NIfTI goes by the names of the pair; in other headers the name of the voxels' file is written.
  return describe([file, ...(kind === niftiPairFormat.kind ? voxels.filter(isOfPair) : voxels)]);
}

/** Other files of the folder. */
async function siblingsOf(location: string, pattern: RegExp): Promise<readonly SourceFile[]> {
  const files = await filesIn(path.dirname(location));
  return files.filter(({ path: name }) => name !== path.basename(location) && pattern.test(name));
}

async function readDataset(file: SourceFile): Promise<DatasetDescription> {
  return readDatasetJson(await readText(file), file.path);
}
