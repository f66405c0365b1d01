// Label maps that come after their images: matched with the cases of a dataset by name, checked against each image, and
// written beside it.
import { labelMapFacts, labelMapMisfit, NO_LABEL_NUMBERS } from '@/app/files/givenSegmentations';
import {
  caseNamesOfLabelMap,
  isInLabelFolder,
  isLabelName,
  isNumberedLabelName,
} from '@/core/dataset/labelNames';
import type { DatasetDocument, RawCase, RawDataset } from '@/core/dataset/rawDataset';
import { readJson } from '@/core/interop/json';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { pythonJson } from '@/core/interop/pythonJson';
import { concatenate } from '@/core/io/compression';
import { contentPieces, gzip } from '@/core/io/gzip';
import { readImageFacts } from '@/core/io/imageFacts';
import { hasImageName, withoutImageEnding } from '@/core/io/imageNames';
import { readAsStored } from '@/core/io/readers';
import { fileName, type SourceFile } from '@/core/io/sourceFile';
import { withSideCars } from '@/core/io/tiff3dIO';
import { messageOf, StudioError } from '@/shared/errors';
import { nameKey } from '@/shared/names';
import type { DatasetFolder } from '@/storage/datasetFolder';
import type { DatasetProgress, LabelsChoice, LabelsProposal } from '@/workers/data/api';

/** A given file and the case that it is named after. */
interface LabelMapOfCase {
  readonly rawCase: RawCase;
  readonly file: SourceFile;
}

interface MatchedNames {
  readonly matches: readonly LabelMapOfCase[];
  /** Files named like label maps, of which the dataset has no case, or another file already. */
  readonly refused: LabelsProposal['refused'];
}

/**
 * Which of the files are named like the label maps of the cases: `a`, `a_seg`, `a-mask`, …, and `a_0000` only where its
 * folder or the rest of its name says that it is a label map. Images of the dataset are passed over.
 */
export function matchLabelMaps(cases: readonly RawCase[], files: readonly SourceFile[]): MatchedNames {
  const byName = new Map(
    cases.filter(({ images }) => images.length > 0).map((each) => [nameKey(each.caseId), each]),
  );
  const matches: LabelMapOfCase[] = [];
  const refused: { path: string; reason: string }[] = [];
  const taken = new Map<RawCase, SourceFile>();
  for (const file of withSideCars(files).filter(hasImageName)) {
    const stem = nameKey(withoutImageEnding(fileName(file)));
    const isNamed = isInLabelFolder(file) || isLabelName(stem) || isNumberedLabelName(stem);
    const names = isNamed ? caseNamesOfLabelMap(stem) : [stem];
    const rawCase = names.map((name) => byName.get(name)).find((found) => found !== undefined);
    const other = rawCase && taken.get(rawCase);
    if (other) refused.push({ path: file.path, reason: `${other.path} is the label map of the same case` });
    else if (rawCase) {
      taken.set(rawCase, file);
      matches.push({ rawCase, file });
    } else if (isNamed || !caseNamesOfLabelMap(stem).some((name) => byName.has(name))) {
      refused.push({ path: file.path, reason: 'the dataset has no case of this name' });
    }
  }
  return { matches, refused };
}

export interface LabelMapsOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: DatasetProgress) => void;
}

/** A label map that fits its case. */
interface FittingLabelMap extends LabelMapOfCase {
  /** Ascending, background left out. */
  readonly values: readonly number[];
}

interface CheckedLabelMaps {
  readonly fitting: readonly FittingLabelMap[];
  readonly refused: LabelsProposal['refused'];
}

/** Reads every label map that has the name of a case. One that does not fit its image is refused with the reason. */
async function checkLabelMaps(
  dataset: RawDataset,
  files: readonly SourceFile[],
  { signal, onProgress }: LabelMapsOptions,
): Promise<CheckedLabelMaps> {
  const { matches, refused: unmatched } = matchLabelMaps(dataset.cases, files);
  const refused = [...unmatched];
  const fitting: FittingLabelMap[] = [];
  for (const [i, match] of matches.entries()) {
    signal.throwIfAborted();
    const outcome = await checkLabelMap(match, dataset.document);
    if ('reason' in outcome) refused.push({ path: match.file.path, reason: outcome.reason });
    else fitting.push({ ...match, ...outcome });
    const [done, total] = [i + 1, matches.length];
    onProgress({
      stage: 'Reading label maps',
      share: done / total,
      done,
      total,
      item: match.rawCase.caseId,
    });
  }
  return { fitting, refused };
}

async function checkLabelMap(
  { rawCase: { images }, file }: LabelMapOfCase,
  document: DatasetDocument,
): Promise<{ readonly values: readonly number[] } | { readonly reason: string }> {
  const ending = document.file_ending;
  if (!file.path.toLowerCase().endsWith(ending.toLowerCase()) && !isOtherNifti(file, ending)) {
    return { reason: `it does not end in ${ending}, as all files of this dataset do; convert it` };
  }
  try {
    const map = await readAsStored([file]);
    const image = await readImageFacts(images);
    const misfit = labelMapMisfit(image, map);
    if (misfit !== undefined) return { reason: misfit };
    const facts = labelMapFacts(map);
    if (!facts) return { reason: NO_LABEL_NUMBERS };
    const values = [...facts.voxels.keys()];
    const isNamed = isInLabelFolder(file) || isLabelName(withoutImageEnding(fileName(file)));
    const isKnown = values.every((value) => declaredValues(document).has(value));
    if (!isNamed && !isKnown && !facts.isInPieces) {
      return { reason: 'it looks like an image, not like a label map' };
    }
    const undeclared = values.filter((value) => !declaredValues(document).has(value));
    if (undeclared.length > 0 && !canDeclare(document)) {
      return {
        reason: `it holds ${undeclared.join(', ')}, which dataset.json does not declare; correct the label map`,
      };
    }
    return { values };
  } catch (error) {
    return { reason: messageOf(error) };
  }
}

/** `.nii` where the dataset has `.nii.gz`, or the other way round: it is packed or unpacked. */
function isOtherNifti({ path }: SourceFile, ending: string): boolean {
  return /\.nii(\.gz)?$/i.test(path) && /^\.nii(\.gz)?$/i.test(ending);
}

function declaredValues({ labels }: DatasetDocument): ReadonlySet<number> {
  return new Set([...labels.values()].flat());
}

/** Another label can be added where it disturbs neither regions nor the ignore label, which has to be the last. */
function canDeclare({ labels }: DatasetDocument): boolean {
  return !labels.has('ignore') && [...labels.values()].every((value) => typeof value === 'number');
}

/** What given files would add to a dataset as its label maps. Writes nothing. */
export async function proposeLabelMaps(
  dataset: RawDataset,
  name: string,
  files: readonly SourceFile[],
  options: LabelMapsOptions,
): Promise<LabelsProposal> {
  const { fitting, refused } = await checkLabelMaps(dataset, files, options);
  const declared = declaredValues(dataset.document);
  const counts = new Map<number, number>();
  for (const { values } of fitting) {
    for (const value of values) if (!declared.has(value)) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return {
    kind: 'labels',
    name,
    matches: fitting.map(({ rawCase, file }) => ({
      caseId: rawCase.caseId,
      path: file.path,
      isThere: rawCase.label !== undefined,
    })),
    refused,
    declared: [...dataset.document.labels].map(([label, values]) => ({
      name: label,
      values: [values].flat(),
    })),
    newValues: [...counts].sort((a, b) => a[0] - b[0]).map(([value, cases]) => ({ value, cases })),
  };
}

/**
 * Writes the label maps that fit beside their images, those that are there already only if `choice` says so, and declares
 * the new labels. Returns the cases that got one, those whose label map was replaced among them. Throws `NoLabelMaps` where
 * none fits.
 */
export async function addLabelMaps(
  dataset: RawDataset,
  files: readonly SourceFile[],
  choice: LabelsChoice,
  raw: DatasetFolder,
  options: LabelMapsOptions,
): Promise<{ readonly added: readonly string[]; readonly replaced: readonly string[] }> {
  const { fitting, refused } = await checkLabelMaps(dataset, files, options);
  const wanted = fitting.filter(({ rawCase }) => !rawCase.label || choice.replaces);
  if (wanted.length === 0) {
    const why = refused.length > 0 ? `${refused[0].path}: ${refused[0].reason}` : 'All cases have theirs';
    throw new StudioError('NoLabelMaps', `No label map was added. ${why}.`, '');
  }
  if (choice.newLabels.length > 0) await declareLabels(dataset, choice.newLabels, raw);
  for (const { rawCase, file } of wanted) {
    options.signal.throwIfAborted();
    const path = rawCase.labelPath;
    if (file.sideCar) await raw.write(path.replace(/\.[^.]+$/, '.json'), await file.sideCar.bytes());
    await raw.write(path, await contentFor(file, dataset.document.file_ending));
  }
  return {
    added: wanted.map(({ rawCase }) => rawCase.caseId),
    replaced: wanted.filter(({ rawCase }) => rawCase.label).map(({ rawCase }) => rawCase.caseId),
  };
}

/** The file's bytes, packed as the dataset's files are. */
async function contentFor(file: SourceFile, ending: string): Promise<Uint8Array> {
  if (fileName(file).toLowerCase().endsWith(ending.toLowerCase())) return file.bytes();
  const pieces: Uint8Array[] = [];
  for await (const piece of contentPieces(file)) pieces.push(piece);
  return /\.gz$/i.test(ending) ? gzip(...pieces) : concatenate(pieces);
}

async function declareLabels(
  { jsonFile, document }: RawDataset,
  newLabels: LabelsChoice['newLabels'],
  raw: DatasetFolder,
): Promise<void> {
  const labels = new Map([...document.labels, ...newLabels.map(({ name, value }) => [name, value] as const)]);
  await raw.write(NNUNET_FILES.dataset, pythonJson({ ...Object(await readJson(jsonFile)), labels }));
}
