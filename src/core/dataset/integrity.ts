// nnU-Net's integrity check, in its order, but for all cases and all faults at once, each with its remedy.
import { labelSetOf } from '@/core/interop/labels';
import type { ImageReader } from '@/core/io/imageReader';
import type { MedicalImage } from '@/core/io/medicalImage';
import { bestAffine, parseNiftiHeader } from '@/core/io/niftiHeader';
import { closestReader, type ReaderChoice, readerFor } from '@/core/io/readers';
import type { SourceFile } from '@/core/io/sourceFile';
import { affineOfGrid } from '@/core/io/volumeFile';
import { forEachAtOnce } from '@/shared/concurrency';
import { isAbort, messageOf } from '@/shared/errors';
import { formatShape, type Spacing, type Zyx } from '@/shared/geometry';
import { allClose } from '@/shared/numeric';
import type { RawCase, RawDataset } from './rawDataset';

/** One fault: an `error` keeps the dataset from being trained, a `warning` does not. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** What and where, and what to do. */
  readonly message: string;
}

/** One row of the table of cases; facts are absent where the files could not be read. */
export interface CaseCheck {
  readonly caseId: string;
  readonly status: 'ok' | 'warning' | 'error';
  readonly findings: readonly Finding[];
  readonly shape?: Zyx;
  readonly spacing?: Spacing;
  readonly channels?: number;
  /** Values of the label map, ascending. */
  readonly labels?: readonly number[];
}

export interface IntegrityReport {
  readonly isTrainable: boolean;
  /** Of the dataset as a whole. */
  readonly findings: readonly Finding[];
  readonly cases: readonly CaseCheck[];
  /** nnU-Net's name of the reader that was used. */
  readonly reader: string | undefined;
}

export interface IntegrityOptions {
  readonly signal?: AbortSignal | undefined;
  /** Cases read side by side. */
  readonly atOnce?: number;
  /** `read` is what could be read of the case, for whoever wants more of it than the check. */
  readonly onCase?: (check: CaseCheck, done: number, total: number, read: ReadFiles) => void;
}

/** Image and label map of a case, absent where they could not be read. */
export interface ReadFiles {
  readonly image?: MedicalImage | undefined;
  readonly seg?: MedicalImage | undefined;
}

/** Names listed in one message. */
const MAX_LISTED = 5;

/**
 * Checks a dataset as nnU-Net's `verify_dataset_integrity` does. Rejects only when cancelled: everything that is wrong
 * with the data is in the report.
 */
export async function checkIntegrity(
  dataset: RawDataset,
  { signal, atOnce = 1, onCase }: IntegrityOptions = {},
): Promise<IntegrityReport> {
  const findings = datasetFindings(dataset);
  const reader = await findReader(dataset, findings);
  const declared = declaredLabels(dataset);
  const cases: CaseCheck[] = new Array(dataset.cases.length);
  let done = 0;
  await forEachAtOnce(dataset.cases, atOnce, async (rawCase, i) => {
    signal?.throwIfAborted();
    const { check, ...read } = await checkCase(rawCase, dataset, declared, reader);
    cases[i] = check;
    onCase?.(check, ++done, cases.length, read);
  });
  const all = [...findings, ...cases.flatMap((each) => each.findings)];
  return {
    isTrainable: cases.length > 0 && !all.some(({ severity }) => severity === 'error'),
    findings,
    cases,
    reader: reader?.name,
  };
}

function error(what: string, remedy: string): Finding {
  return { severity: 'error', message: `${what} ${remedy}` };
}

function warning(what: string, remedy: string): Finding {
  return { severity: 'warning', message: `${what} ${remedy}` };
}

function listed(names: readonly (string | number)[]): string {
  const more = names.length - MAX_LISTED;
  return names.slice(0, MAX_LISTED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** What can be said without opening an image. */
function datasetFindings(dataset: RawDataset): Finding[] {
  const { document, cases, jsonFile, strayFiles } = dataset;
  const findings: Finding[] = [];
  if (cases.length !== document.numTraining) {
    const examples = cases.length > 0 ? ` (${listed(cases.map(({ caseId }) => caseId))})` : '';
    findings.push(
      error(
        `${jsonFile.path} says numTraining ${document.numTraining}, but there are ${cases.length} cases${examples}.`,
        'Correct the number, or add the missing files.',
      ),
    );
  }
  findings.push(...labelFindings(dataset), ...channelNameFindings(dataset));
  for (const { path, reason } of strayFiles) {
    findings.push(warning(`${path} ${reason} and is left out.`, 'Rename or remove it.'));
  }
  const twins = twinsIgnoringCase(cases.map(({ caseId }) => caseId));
  if (twins.length > 0) {
    findings.push(
      error(
        `Cases differ only in capital letters: ${listed(twins)}.`,
        'Many file systems take them for one: rename one of them.',
      ),
    );
  }
  return findings;
}

function labelFindings({ document, jsonFile }: RawDataset): Finding[] {
  try {
    labelSetOf(document.labels, document.regions_class_order ?? undefined);
  } catch (problem) {
    return [error(`${jsonFile.path}: ${messageOf(problem)}.`, 'Correct dataset.json.')];
  }
  const values = [...new Set([...document.labels.values()].flat())].sort((a, b) => a - b);
  const gaps = values.filter((value, i) => value !== i);
  if (gaps.length === 0) return [];
  return [
    error(
      `${jsonFile.path}: labels must be 0, 1, 2, … without gaps, but they are ${values.join(', ')}.`,
      `Renumber ${listed(gaps)} in dataset.json and in the label files.`,
    ),
  ];
}

function channelNameFindings({ document, jsonFile }: RawDataset): Finding[] {
  const keys = [...document.channel_names.keys()];
  const isNumbered = keys.length > 0 && keys.every((_, i) => keys.includes(`${i}`));
  if (isNumbered) return [];
  return [
    error(
      `${jsonFile.path}: channel_names has the keys ${keys.join(', ') || 'none'}.`,
      'Number the channels "0", "1", ….',
    ),
  ];
}

function twinsIgnoringCase(caseIds: readonly string[]): readonly string[] {
  const lower = caseIds.map((id) => id.toLowerCase());
  return caseIds.filter((_, i) => lower.indexOf(lower[i]) !== lower.lastIndexOf(lower[i]));
}

function declaredLabels({ document }: RawDataset): ReadonlySet<number> {
  return new Set([...document.labels.values()].flat());
}

/** Cases whose images are tried until one can be read. */
const MAX_EXAMPLES = 3;

/** The reader of the first case that can be read; where none can, the one that fits best: the cases say what is wrong. */
async function findReader(
  { document, cases }: RawDataset,
  findings: Finding[],
): Promise<ImageReader | undefined> {
  const { file_ending: fileEnding, overwrite_image_reader_writer: overwrite } = document;
  const examples = cases.flatMap(({ images }) => images.slice(0, 1)).slice(0, MAX_EXAMPLES);
  const question = (example: SourceFile | undefined) => ({
    fileEnding,
    ...(overwrite && { overwrite }),
    ...(example && { exampleFiles: [example] }),
  });
  const found = (choice: ReaderChoice) => {
    for (const message of choice.warnings) findings.push({ severity: 'warning', message });
    return choice.reader;
  };
  for (const example of examples) {
    const choice = await readerFor(question(example)).catch(() => undefined);
    if (choice) return found(choice);
  }
  try {
    return found(await closestReader(question(examples[0])));
  } catch (problem) {
    findings.push({ severity: 'error', message: messageOf(problem) });
    return undefined;
  }
}

async function checkCase(
  rawCase: RawCase,
  dataset: RawDataset,
  declared: ReadonlySet<number>,
  reader: ImageReader | undefined,
): Promise<ReadFiles & { readonly check: CaseCheck }> {
  const { caseId, images, label, missing } = rawCase;
  const findings: Finding[] = missing.map((path) =>
    error(`${caseId}: ${path} is missing.`, 'Add the file, or remove the case.'),
  );
  findings.push(...channelFileFindings(rawCase, dataset));
  if (!reader) return { check: finished(caseId, findings) };
  const image = images.length > 0 ? await readOrExplain(reader, images, caseId, findings) : undefined;
  const seg = label && (await readOrExplain(reader, [label], caseId, findings));
  const labels = seg && distinctValues(seg.data);
  if (label && labels) findings.push(...labelValueFindings(caseId, label, labels, declared));
  if (image) findings.push(...channelFindings(caseId, image, dataset));
  if (label && image && seg) findings.push(...geometryFindings(caseId, images[0], image, label, seg));
  const check = finished(caseId, findings, {
    ...(image && { shape: image.shape, spacing: image.spacing, channels: image.channels }),
    ...(labels && { labels }),
  });
  return { check, image, seg };
}

function finished(caseId: string, findings: readonly Finding[], facts: Partial<CaseCheck> = {}): CaseCheck {
  const has = (severity: Finding['severity']) => findings.some((finding) => finding.severity === severity);
  return {
    caseId,
    status: has('error') ? 'error' : has('warning') ? 'warning' : 'ok',
    findings,
    ...facts,
  };
}

/** Numbers in the file names must run from 0000; nnU-Net would silently take the files in order. */
function channelFileFindings({ caseId, images }: RawCase, { document }: RawDataset): readonly Finding[] {
  if (document.dataset) return [];
  const numbers = images.map(({ path }) => path.slice(0, -document.file_ending.length).slice(-4));
  const isRunning = numbers.every((number, i) => Number(number) === i);
  if (isRunning) return [];
  return [
    error(
      `${caseId}: its channel files are numbered ${numbers.join(', ')}.`,
      'Channels are numbered 0000, 0001, … without gaps: add the missing file, or rename.',
    ),
  ];
}

async function readOrExplain(
  reader: ImageReader,
  files: readonly SourceFile[],
  caseId: string,
  findings: Finding[],
): Promise<MedicalImage | undefined> {
  try {
    const image = await reader.read(files);
    for (const text of image.warnings) findings.push({ severity: 'warning', message: `${caseId}: ${text}` });
    return image;
  } catch (problem) {
    if (isAbort(problem)) throw problem;
    findings.push({ severity: 'error', message: `${caseId}: ${messageOf(problem)}` });
    return undefined;
  }
}

/** Ascending. */
function distinctValues(data: Float32Array): readonly number[] {
  const found = new Set<number>();
  let last = Number.NaN;
  for (let i = 0; i < data.length; i++) {
    if (data[i] === last) continue;
    last = data[i];
    found.add(last);
  }
  return [...found].sort((a, b) => a - b);
}

function labelValueFindings(
  caseId: string,
  label: SourceFile,
  labels: readonly number[],
  declared: ReadonlySet<number>,
): readonly Finding[] {
  const unexpected = labels.filter((value) => !declared.has(value));
  const findings: Finding[] = [];
  if (unexpected.length > 0) {
    findings.push(
      error(
        `${caseId}: ${label.path} holds the values ${listed(unexpected)}, which dataset.json does not declare (${[...declared].join(', ')}).`,
        'Correct the label map, or declare the label.',
      ),
    );
  }
  if (!labels.some((value) => value > 0)) {
    findings.push(
      warning(`${caseId}: ${label.path} holds background only.`, 'Check that it is meant to be empty.'),
    );
  }
  return findings;
}

function channelFindings(caseId: string, image: MedicalImage, dataset: RawDataset): readonly Finding[] {
  const expected = dataset.channelNames.length;
  if (image.channels === expected) return [];
  return [
    error(
      `${caseId}: ${image.channels} channel(s), but dataset.json names ${expected} (${dataset.channelNames.join(', ')}).`,
      'Add or remove channel files, or correct channel_names.',
    ),
  ];
}

function geometryFindings(
  caseId: string,
  imageFile: SourceFile,
  image: MedicalImage,
  labelFile: SourceFile,
  seg: MedicalImage,
): readonly Finding[] {
  const findings: Finding[] = [];
  const names = `${imageFile.path} and ${labelFile.path}`;
  if (`${image.shape}` !== `${seg.shape}` || seg.channels !== 1) {
    const segShape = formatShape(seg.channels === 1 ? seg.shape : [seg.channels, ...seg.shape]);
    findings.push(
      error(
        `${caseId}: the image is ${formatShape(image.shape)} voxels (z × y × x), its label map ${segShape} (${names}).`,
        'Export both from the same series, then import again.',
      ),
    );
  }
  if (!allClose(seg.spacing, image.spacing)) {
    findings.push(
      error(
        `${caseId}: voxels of the image are ${formatShape(image.spacing)} mm (z × y × x), of its label map ${formatShape(seg.spacing)} mm (${names}).`,
        'Write the same voxel size into both, or resample one to the other.',
      ),
    );
  }
  const [imageAffine, segAffine] = [affineOf(image), affineOf(seg)];
  if (imageAffine && segAffine && !allClose(segAffine, imageAffine)) {
    findings.push(
      warning(
        `${caseId}: image and label map differ in position or direction (${names}).`,
        'nnU-Net ignores this; look at them together to be sure that they fit.',
      ),
    );
  }
  return findings;
}

function affineOf({ geometry }: MedicalImage): readonly number[] | undefined {
  if ('directions' in geometry) return affineOfGrid(geometry).flat();
  return geometry.format === 'nifti'
    ? bestAffine(parseNiftiHeader(geometry.header, 'header')).flat()
    : undefined;
}
