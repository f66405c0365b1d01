// What becomes of dropped files: models go into the library, images become cases, the rest is answered with a reason.
import { caseNamesOfLabelMap } from '@/core/dataset/labelNames';
import { type OnnxFacts, onnxFacts } from '@/core/interop/foreignNetwork';
import { importModels } from '@/core/interop/importModel';
import { nameAmong } from '@/core/interop/modelFolders';
import { readOnnx } from '@/core/interop/onnxReader';
import { openArchive } from '@/core/io/archive';
import type { CaseFiles as CaseGroup } from '@/core/io/cases';
import { readFrames } from '@/core/io/dicomFrames';
import { formatLabels, formatOfKind, isImageKind } from '@/core/io/formats';
import { readImageFacts } from '@/core/io/imageFacts';
import { hasImageName } from '@/core/io/imageNames';
import { writeVolume } from '@/core/io/niftiWriter';
import { readAsStored } from '@/core/io/readers';
import { type FileKind, type OtherKind, sniff } from '@/core/io/sniff';
import { fileName, memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { isHiddenFile } from '@/core/io/systemFiles';
import { isZip, withRandomAccess } from '@/core/io/zip';
import { messageOf } from '@/shared/errors';
import type { CaseFileStore } from '@/storage/caseFiles';
import type { CaseRecord, IntensityHints, StoredImageFacts } from '@/storage/caseRecord';
import type { ModelLibrary, ModelRecord } from '@/storage/modelLibrary';
import { explainWriteFailure } from '@/storage/recordStore';
import type { AddReport, JoinedSegmentation } from '@/workers/files/api';
import { windowOf } from './ctWindow';
import { fileHash, voxelHash } from './duplicateImages';
import {
  labelMapMisfit,
  looksLikeLabelMap,
  NO_LABEL_NUMBERS,
  type SortedFiles,
  segmentationOf,
  sortLabelMaps,
  stemOf,
} from './givenSegmentations';

export interface ImportFilesRequest {
  readonly files: readonly SourceFile[];
  readonly origin: ModelRecord['origin'];
  readonly library: ModelLibrary;
  readonly caseFiles: CaseFileStore;
  /** Cases that are open: a label map that is named like one of them is laid over it. */
  readonly open: readonly CaseRecord[];
  readonly onStep: (step: string) => void;
}

type Problem = AddReport['problems'][number];

/** Files up to this size together are read to the last voxel at once; of more, only the headers until they are used. */
const CHECKED_AT_ONCE_BYTES = 200e6;
/** More files that are of no use than this are summed up in one line. */
const LISTED_PROBLEMS = 4;

/** Keeps what can be used. A file that cannot is a problem in the report, and does not keep the others out. */
export async function importFiles(job: ImportFilesRequest): Promise<AddReport> {
  const problems: Problem[] = [];
  const files = await unzipped(job.files, problems);
  const { models, folders } = await keepModels(files, job, problems);
  const isOfModel = ({ path }: SourceFile) => folders.some((folder) => path.startsWith(folder));
  const sorted = await sortLabelMaps(files.filter((file) => !isOfModel(file)));
  const { ignored, others } = sorted;
  problems.push(
    ...ignored.map(({ path, reason }) => ({ path, name: 'Ignored', message: `${path}: ${reason}.` })),
  );
  const { cases, joined } = await keepCases(sorted, job, problems);
  // What lies about beside models is theirs; an archive is somebody's that was meant to be taken.
  const unknown = models.length === 0 ? others : others.filter(({ path }) => ARCHIVE_NAME.test(path));
  problems.push(...(await unrecognised(unknown)));
  if (cases.length + joined.length + models.length + problems.length === 0)
    problems.push(nothingFound(job.files));
  return { cases, models, problems, joined };
}

/** Entries of dropped archives in place of the archives. */
async function unzipped(dropped: readonly SourceFile[], problems: Problem[]): Promise<readonly SourceFile[]> {
  const files: SourceFile[] = [];
  for (const file of dropped.filter((one) => !isHiddenFile(one))) {
    if (!(await isArchive(file))) {
      files.push(file);
      continue;
    }
    try {
      const entries = await openArchive(file);
      const name = nameAmong(file, dropped);
      files.push(...entries.map((entry) => ({ ...entry, path: `${name}/${entry.path}` })));
    } catch (error) {
      problems.push(problemOf(file.path, error));
    }
  }
  return files;
}

/** By its content, where it was given by itself: checkpoints and arrays are zips too, and stay whole. */
async function isArchive(file: SourceFile): Promise<boolean> {
  if (file.path.includes('/')) return /\.zip$/i.test(file.path) && isZip(file);
  return ['zip', 'model-bundle'].includes(await sniff(file));
}

const MODEL_FILE = /(\.(pth|pt|nnstudio|onnx)|(^|\/)plans\.json)$/i;

async function keepModels(
  files: readonly SourceFile[],
  { library, origin, onStep }: ImportFilesRequest,
  problems: Problem[],
): Promise<{ models: readonly ModelRecord[]; folders: readonly string[] }> {
  const models: ModelRecord[] = [];
  if (!files.some(({ path }) => MODEL_FILE.test(path))) return { models, folders: [] };
  try {
    onStep('Reading the model');
    const outcomes = await importModels(files.filter((file) => !hasImageName(file)));
    for (const outcome of outcomes) {
      if ('error' in outcome) {
        const problem = problemOf(outcome.origin, outcome.error);
        const facts = await factsOfUndescribed(outcome, files);
        problems.push(facts ? { ...problem, onnx: facts } : problem);
        continue;
      }
      const { imported } = outcome;
      try {
        const name = `${imported.model.datasetName} · ${imported.model.configuration.name}`;
        models.push(
          await library.add({ ...imported, name, source: imported.origin, origin }, (done, total) =>
            onStep(`Keeping ${name}: fold ${done} of ${total}`),
          ),
        );
      } catch (error) {
        problems.push(problemOf(imported.origin, error));
      }
    }
    return { models, folders: outcomes.map((outcome) => modelPrefix(outcome.origin, files)) };
  } catch (error) {
    problems.push(problemOf(files.map(fileName).slice(0, 3).join(', '), error));
    return { models, folders: [] };
  }
}

/** Of a foreign ONNX file without its JSON. */
async function factsOfUndescribed(
  { origin, error }: { readonly origin: string; readonly error: Error },
  files: readonly SourceFile[],
): Promise<OnnxFacts | undefined> {
  const file = error.name === 'NeedsDescription' && files.find(({ path }) => path === origin);
  return file ? onnxFacts(readOnnx(await file.bytes(), origin)) : undefined;
}

/** Paths below a model's folder start with this; a model dropped without its folder owns what is named like a fold. */
function modelPrefix(origin: string, files: readonly SourceFile[]): string {
  return files.some(({ path }) => path.startsWith(`${origin}/`)) ? `${origin}/` : 'fold_';
}

async function keepCases(
  { groups: found, labelMaps: named, lone }: SortedFiles,
  job: ImportFilesRequest,
  problems: Problem[],
): Promise<Required<Pick<AddReport, 'cases' | 'joined'>>> {
  const { caseFiles, onStep } = job;
  const size = (groups: readonly CaseGroup[]) =>
    groups.flatMap(({ files }) => files).reduce((sum, { sizeInBytes }) => sum + sizeInBytes, 0);
  const isChecked = size(found) <= CHECKED_AT_ONCE_BYTES;
  const { groups, labelMaps } = isChecked
    ? await withUnnamedLabelMap(found, named, problems)
    : { groups: found, labelMaps: named };
  const cases: CaseRecord[] = [];
  const joined: JoinedSegmentation[] = [];
  const maps: string[] = [];
  for (const [i, group] of groups.entries()) {
    onStep(groups.length === 1 ? `Reading ${group.caseId}` : `Reading case ${i + 1} of ${groups.length}`);
    try {
      const labels = labelMaps.get(group.caseId);
      const isNamed = lone.has(group.caseId);
      const ofOpen = !labels && (isChecked || isNamed) ? await joinOpenCase(group, isNamed, job) : undefined;
      if (ofOpen && 'result' in ofOpen) {
        joined.push(ofOpen);
        continue;
      }
      const { caseRecord, looksLikeLabels, leftOut } = await keepCase(group, labels, caseFiles, isChecked);
      cases.push(caseRecord);
      if (ofOpen) problems.push(ofOpen);
      else if (looksLikeLabels || isNamed) maps.push(fileName(group.files[0]));
      if (leftOut) problems.push(leftOut);
    } catch (error) {
      problems.push(problemOf(group.files.map(({ path }) => path).join(', '), error));
    }
  }
  if (maps.length > 0) problems.push(loneLabelMaps(maps));
  return { cases, joined };
}

/**
 * Lays a label map over the open case that it is named after, if it has the case's size and the case has no segmentation; a
 * problem says why not. `undefined` for what is no label map of an open case.
 */
async function joinOpenCase(
  { caseId, files }: CaseGroup,
  isNamed: boolean,
  { open, caseFiles }: ImportFilesRequest,
): Promise<JoinedSegmentation | Problem | undefined> {
  const [file, ...more] = files;
  const names = isNamed ? caseNamesOfLabelMap(stemOf(file)) : [stemOf(file), caseId];
  const kept = open.find((one) => names.includes(one.caseId));
  if (!kept || more.length > 0) return undefined;
  const map = await readAsStored([file]);
  if (!isNamed && !looksLikeLabelMap(map)) return undefined;
  if (kept.contentHash === (await voxelHash(map))) return undefined;
  const name = fileName(file);
  const because = (message: string): Problem => ({ path: name, name: 'NotItsLabelMap', message });
  const misfit = labelMapMisfit(kept.image, map);
  if (misfit !== undefined) {
    return because(
      `${name} is named like the label map of ${kept.caseId}, which is open, but ${misfit}. It is shown as an image.`,
    );
  }
  if (kept.result || kept.run.status === 'queued' || kept.run.status === 'running') {
    const what = kept.result ? 'has a segmentation already' : 'is being segmented';
    return because(
      `${name} is named like the label map of ${kept.caseId}, which ${what}; it is shown as an image. To compare the two, drop it under Models, Evaluate.`,
    );
  }
  const image = await readAsStored(await Promise.all(kept.files.map((own) => caseFiles.open(kept.id, own))));
  const segmentation = await segmentationOf(image, map, name);
  if (!segmentation) return undefined;
  await caseFiles.write(kept.id, segmentation.file);
  return { id: kept.id, result: segmentation.facts };
}

/** Of two files of any name, the label map beside its image. */
async function withUnnamedLabelMap(
  groups: readonly CaseGroup[],
  labelMaps: ReadonlyMap<string, SourceFile>,
  problems: Problem[],
): Promise<Pick<SortedFiles, 'groups' | 'labelMaps'>> {
  const asGiven = { groups, labelMaps };
  if (groups.length !== 2 || labelMaps.size > 0) return asGiven;
  const read = await Promise.all(groups.map(({ files }) => readAsStored(files).catch(() => undefined)));
  const isMap = read.map((image) => image !== undefined && looksLikeLabelMap(image));
  const [map, image] = isMap[0] ? [0, 1] : [1, 0];
  const [readMap, readImage] = [read[map], read[image]];
  if (!readMap || !readImage || !isMap[map] || isMap[image] || groups[map].files.length > 1) return asGiven;
  const misfit = labelMapMisfit(readImage, readMap);
  if (misfit !== undefined) {
    const [name, of] = [groups[map], groups[image]].map(({ files }) => fileName(files[0]));
    const message = `${name} looks like a label map, but not like that of ${of}: ${misfit}. Both are shown as images.`;
    problems.push({ path: name, name: 'NotItsLabelMap', message });
    return asGiven;
  }
  return {
    groups: [groups[image]],
    labelMaps: new Map([[groups[image].caseId, groups[map].files[0]]]),
  };
}

/** Label maps without their images are shown as images. */
function loneLabelMaps(names: readonly string[]): Problem {
  const [first, ...more] = names;
  const what =
    more.length === 0
      ? `${first} looks like a label map and is shown as an image.`
      : `${names.length} files look like label maps and are shown as images, ${first} for one.`;
  const message = `${what} To see a label map over its image, drop both together, named alike: case_0000.nii.gz and case.nii.gz, or case_seg.nii.gz.`;
  return { path: first, name: 'LabelMapAlone', message, isNote: true };
}

interface KeptCase {
  readonly caseRecord: CaseRecord;
  readonly looksLikeLabels: boolean;
  /** The label map does not belong to the image. */
  readonly leftOut: Problem | undefined;
}

async function keepCase(
  group: CaseGroup,
  labels: SourceFile | undefined,
  caseFiles: CaseFileStore,
  isChecked: boolean,
): Promise<KeptCase> {
  const swapped = labels && (await withTurnedRoles(group, labels));
  if (swapped) return keepCase(swapped.group, swapped.labels, caseFiles, isChecked);
  const files = await storableFiles(group);
  const intensities = await intensityHints(group.files);
  const facts = { ...(await imageFacts(files)), ...(intensities && { intensities }) };
  // Throws where voxels are missing or no numbers.
  const image = isChecked || labels ? await readAsStored(files) : undefined;
  const contentHash = isChecked && image ? await voxelHash(image) : await fileHash(files);
  const map = labels && (await readAsStored([labels]));
  const segmentation = image && labels && map && (await segmentationOf(image, map, fileName(labels)));
  const id = crypto.randomUUID();
  try {
    for (const file of [...files, ...(segmentation ? [segmentation.file] : [])]) {
      await caseFiles.write(id, file);
    }
  } catch (error) {
    await caseFiles.removeCase(id);
    throw error;
  }
  return {
    caseRecord: {
      id,
      caseId: group.caseId,
      files: files.map(fileName),
      image: facts,
      contentHash,
      addedAt: Date.now(),
      run: { status: 'idle' },
      ...(segmentation && { result: segmentation.facts }),
    },
    looksLikeLabels: !labels && image !== undefined && looksLikeLabelMap(image),
    leftOut:
      labels && image && map && !segmentation
        ? notItsLabelMap(labels, group, labelMapMisfit(image, map) ?? NO_LABEL_NUMBERS)
        : undefined,
  };
}

/** Image and label map the other way round, where their names say so but not their voxels: `head.nii.gz` with its map `head_0000.nii.gz`. */
async function withTurnedRoles(
  { caseId, files }: CaseGroup,
  labels: SourceFile,
): Promise<{ readonly group: CaseGroup; readonly labels: SourceFile } | undefined> {
  const [file, ...more] = files;
  if (more.length > 0) return undefined;
  const [image, map] = [await readAsStored([file]), await readAsStored([labels])];
  if (looksLikeLabelMap(map) || !looksLikeLabelMap(image) || labelMapMisfit(map, image) !== undefined) {
    return undefined;
  }
  return { group: { caseId, files: [labels] }, labels: file };
}

function notItsLabelMap(labels: SourceFile, { caseId }: CaseGroup, misfit: string): Problem {
  return {
    path: labels.path,
    name: 'NotItsLabelMap',
    message: `${fileName(labels)} is named like the label map of ${caseId}, but ${misfit}. Drop it by itself to see it as an image.`,
  };
}

/** The files of a case as they are kept: a DICOM series becomes one NIfTI file in the same place. */
async function storableFiles({ caseId, files }: CaseGroup): Promise<readonly SourceFile[]> {
  const accessible = await Promise.all(files.map(withRandomAccess));
  if ((await sniff(accessible[0])) !== 'dicom') return accessible;
  const { data, channels, shape, geometry } = await readAsStored(accessible);
  const size = data.length / channels;
  return Promise.all(
    Array.from({ length: channels }, async (_, i) => {
      const name = channels > 1 ? `${caseId}_${String(i).padStart(4, '0')}` : caseId;
      const volume = await writeVolume(data.subarray(i * size, (i + 1) * size), shape, geometry);
      return memoryFile(volume, `${name}.nii.gz`);
    }),
  );
}

/** Modality and window as a DICOM series names them, by its middle file; `undefined` of other formats. */
async function intensityHints(files: readonly SourceFile[]): Promise<IntensityHints | undefined> {
  const file = await withRandomAccess(files[files.length >> 1]);
  if ((await sniff(file)) !== 'dicom') return undefined;
  const frames = await readFrames(file);
  const { modality, window } = frames[frames.length >> 1];
  return {
    ...(modality && { isCt: modality === 'CT' }),
    ...(window && { window: windowOf(window) }),
  };
}

async function imageFacts(files: readonly SourceFile[]): Promise<StoredImageFacts> {
  const { channels, shape, spacing, orientation, voxelType } = await readImageFacts(files);
  return {
    channels,
    shape,
    spacing,
    orientation,
    voxelType: voxelType ?? 'uint8',
    sizeInBytes: files.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, 0),
  };
}

/** What files are that nobody here reads, for those who dropped them in good faith. */
const UNRECOGNISED: Readonly<Partial<Record<OtherKind, string>>> = {
  jpeg: 'a photograph (JPEG), whose loss nnU-Net does not accept. Export the original as PNG or TIFF',
  onnx: 'an ONNX model under another name. Rename it to end in .onnx',
  safetensors: 'a file of bare weights. Give the nnU-Net results folder, its zip, or a bundle (.nnstudio)',
  'nnunet-dataset': 'the description of a dataset without its images. Give its whole folder',
  blosc2:
    'an array of a preprocessed case (.b2nd). Give the whole preprocessed dataset, the folder with its dataset.json and plans',
  empty: 'an empty file. Copy or download it again',
};

const ARCHIVE_NAME = /\.zip$/i;
const DAMAGED_ARCHIVE = 'not a zip archive, whatever its name says. Copy or download it again';

async function unrecognised(files: readonly SourceFile[]): Promise<readonly Problem[]> {
  const others = files.filter((file) => !MODEL_FILE.test(file.path));
  const isFew = others.length <= LISTED_PROBLEMS;
  const listed = await Promise.all((isFew ? others : []).map(describeUnrecognised));
  if (isFew) return listed;
  const what = `${others.length} files skipped (e.g. ${fileName(others[0])})`;
  return [
    {
      path: fileName(others[0]),
      name: 'NotUsable',
      message: `${what}: they are neither images nor part of a model.`,
    },
  ];
}

async function describeUnrecognised(file: SourceFile): Promise<Problem> {
  const what =
    (ARCHIVE_NAME.test(file.path) ? DAMAGED_ARCHIVE : whatIs(await sniff(file))) ??
    `not a file nnStudio can read: an image (${formatLabels().join(', ')}), or an nnU-Net model or dataset as a folder or zip`;
  return { path: file.path, name: 'NotUsable', message: `${fileName(file)} is ${what}.` };
}

/** What a file of that kind is, where more can be said than that it is of no use. */
function whatIs(kind: FileKind): string | undefined {
  if (!isImageKind(kind)) return UNRECOGNISED[kind];
  const { label, endings = [] } = formatOfKind(kind) ?? {};
  if (!label || endings.length === 0) return undefined;
  return `an image (${label}) with another ending. Rename it to end in ${endings.join(' or ')}`;
}

function nothingFound(files: readonly SourceFile[]): Problem {
  const path = files.map(fileName).slice(0, 3).join(', ');
  return {
    path,
    name: 'NothingFound',
    message: `There was nothing to use in what was dropped. Drop images (${formatLabels().join(', ')}), or an nnU-Net model or dataset, as a folder or zip.`,
  };
}

function problemOf(path: string, thrown: unknown): Problem {
  const error = explainWriteFailure(thrown, path);
  return { path, name: error instanceof Error ? error.name : 'Error', message: messageOf(error) };
}
