// nnU-Net's integrity check, in its order, but for all cases and all faults at once, each with its remedy.
import { labelSetOf } from '@/core/interop/labels';
import { EMPTY_IMAGE, isEmptyImage } from '@/core/io/emptyImage';
import type { ImageReader } from '@/core/io/imageReader';
import type { MedicalImage } from '@/core/io/medicalImage';
import { closestReader, type ReaderChoice, readerFor } from '@/core/io/readers';
import type { SourceFile } from '@/core/io/sourceFile';
import { assertSlicesPlannable } from '@/core/planning/planExperiment';
import { forEachAtOnce } from '@/shared/concurrency';
import { isAbort, messageOf } from '@/shared/errors';
import type { Spacing, Zyx } from '@/shared/geometry';
import { type MistakenChannels, mistakenChannels, mistakenChannelsFinding } from './caseNames';
import { error, type Finding, listed, warning } from './findings';
import { geometryFindings } from './geometryFindings';
import type { RawCase, RawDataset } from './rawDataset';

/** One row of the table of cases; facts are absent where the files could not be read. */
export interface CaseCheck {
  readonly caseId: string;
  /** `unlabelled`: nothing but the label map is missing. */
  readonly status: 'ok' | 'warning' | 'error' | 'unlabelled';
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
interface ReadFiles {
  readonly image?: MedicalImage | undefined;
  readonly seg?: MedicalImage | undefined;
}

/**
 * Checks a dataset as nnU-Net's `verify_dataset_integrity` does. Rejects only when cancelled: everything that is wrong
 * with the data is in the report.
 */
export async function checkIntegrity(
  dataset: RawDataset,
  { signal, atOnce = 1, onCase }: IntegrityOptions = {},
): Promise<IntegrityReport> {
  const findings = datasetFindings(dataset);
  const mistaken = mistakenChannels(dataset);
  const reader = await findReader(dataset, findings);
  const declared = declaredLabels(dataset);
  const cases: CaseCheck[] = new Array(dataset.cases.length);
  let done = 0;
  await forEachAtOnce(dataset.cases, atOnce, async (rawCase, i) => {
    signal?.throwIfAborted();
    const { check, ...read } = await checkCase(rawCase, dataset, { declared, reader, mistaken });
    cases[i] = check;
    onCase?.(check, ++done, cases.length, read);
  });
  findings.push(...foregroundFindings(dataset, cases), ...sliceFindings(dataset, cases));
  const all = [...findings, ...cases.flatMap((each) => each.findings)];
  return {
    isTrainable: cases.length > 0 && !all.some(({ severity }) => severity === 'error'),
    findings,
    cases,
    reader: reader?.name,
  };
}

/** What can be said without opening an image. */
function datasetFindings(dataset: RawDataset): Finding[] {
  const { document, cases, jsonFile, strayFiles } = dataset;
  const mistaken = mistakenChannels(dataset);
  const findings: Finding[] = [];
  const explained = new Set(
    mistaken.flatMap(({ stems }) => stems.map((stem) => stem + document.file_ending)),
  );
  if (cases.length !== document.numTraining && mistaken.length === 0) {
    const examples = cases.length > 0 ? ` (${listed(cases.map(({ caseId }) => caseId))})` : '';
    findings.push(
      error(
        `${jsonFile.path} says numTraining ${document.numTraining}, but there are ${cases.length} cases${examples}.`,
        `Correct the number (write "numTraining": ${cases.length}), or add the missing files.`,
      ),
    );
  }
  findings.push(...labelFindings(dataset), ...channelNameFindings(dataset));
  for (const { path, reason } of strayFiles) {
    if (explained.has(path.slice(path.lastIndexOf('/') + 1))) continue;
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
  const names = namesByValue(document);
  const shared = names.filter(([, own]) => own.length > 1);
  const findings = shared.map(([value, own]) =>
    warning(
      `${jsonFile.path}: labels gives ${own.join(' and ')} the same number ${value}, so they are one label.`,
      'If they are meant to differ, give each a number of its own in dataset.json and in the label maps.',
    ),
  );
  const gaps = values.filter((value, i) => value !== i);
  if (gaps.length === 0) return findings;
  return [
    ...findings,
    error(
      `${jsonFile.path}: labels must be 0, 1, 2, … without gaps, but they are ${values.join(', ')}.`,
      `Renumber ${listed(gaps)} in dataset.json and in the label files.`,
    ),
  ];
}

/** Names of labels that are no regions, by their number. */
function namesByValue({ labels }: RawDataset['document']): readonly (readonly [number, readonly string[]])[] {
  const names = new Map<number, string[]>();
  for (const [name, value] of labels) {
    if (typeof value === 'number') names.set(value, [...(names.get(value) ?? []), name]);
  }
  return [...names];
}

function channelNameFindings({ document, jsonFile }: RawDataset): Finding[] {
  const keys = [...document.channel_names.keys()];
  const isNumbered = keys.length > 0 && keys.every((_, i) => keys.includes(`${i}`));
  const names = [...document.channel_names.values()].map((name, i) => `"${i}": ${JSON.stringify(name)}`);
  if (!isNumbered) {
    return [
      error(
        `${jsonFile.path}: channel_names has the keys ${keys.join(', ') || 'none'}.`,
        `Number the channels from 0: write "channel_names": {${names.join(', ')}}.`,
      ),
    ];
  }
  if (keys.every((key, i) => key === `${i}`)) return [];
  return [
    warning(
      `${jsonFile.path}: channel_names lists the channels as ${keys.join(', ')}; nnU-Net takes them in this order, whatever their numbers, so ${names.join(', ')}.`,
      'List them by their numbers, so that nobody is misled.',
    ),
  ];
}

/** Where every label map could be read and none has a label to learn. */
function foregroundFindings(
  { document, jsonFile }: RawDataset,
  cases: readonly CaseCheck[],
): readonly Finding[] {
  const ignored = document.labels.get('ignore');
  const hasForeground = ({ labels }: CaseCheck) =>
    labels === undefined || labels.some((value) => value > 0 && value !== ignored);
  if (cases.length === 0 || cases.some(hasForeground)) return [];
  return [
    error(
      `${jsonFile.path.replace(/dataset\.json$/, 'labelsTr')}: no label map has foreground; all voxels are background (0)${ignored === undefined ? '' : ' or to be ignored'}, so there is nothing to learn.`,
      'Check that these are the label maps that were meant, and that they hold label numbers.',
    ),
  ];
}

/** Single slices along an axis that no planner takes them along. */
function sliceFindings({ name }: RawDataset, cases: readonly CaseCheck[]): readonly Finding[] {
  const read = cases.flatMap(({ shape, spacing }) => (shape && spacing ? [{ shape, spacing }] : []));
  if (read.length === 0) return [];
  const sizes = {
    shapes_after_crop: read.map(({ shape }) => [...shape]),
    spacings: read.map(({ spacing }) => [...spacing]),
  };
  try {
    assertSlicesPlannable(sizes, name);
    return [];
  } catch (problem) {
    return [{ severity: 'error', message: messageOf(problem) }];
  }
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

/** What all cases are checked by. */
interface CheckContext {
  readonly declared: ReadonlySet<number>;
  readonly reader: ImageReader | undefined;
  readonly mistaken: readonly MistakenChannels[];
}

async function checkCase(
  rawCase: RawCase,
  dataset: RawDataset,
  { declared, reader, mistaken }: CheckContext,
): Promise<ReadFiles & { readonly check: CaseCheck }> {
  const { caseId, images, label, labelPath, missing } = rawCase;
  const mistake = mistaken.find((each) => each.caseId === caseId);
  if (mistake) return { check: finished(caseId, [mistakenChannelsFinding(mistake, dataset)]) };
  const findings: Finding[] = missing.map((path) =>
    error(`${caseId}: ${path} is missing.`, 'Add the file, or remove the case.'),
  );
  const isUnlabelled = label === undefined && images.length > 0;
  const finish = (facts: Partial<CaseCheck> = {}) => {
    const check = finished(caseId, findings, facts);
    if (label) return check;
    const noLabelMap = error(
      `${caseId}: its label map ${labelPath} is missing.`,
      'Add the file, or remove the case.',
    );
    const status = isUnlabelled && check.status !== 'error' ? 'unlabelled' : 'error';
    return { ...check, status, findings: [...findings, noLabelMap] } as const;
  };
  findings.push(...channelFileFindings(rawCase, dataset));
  if (!reader) return { check: finish() };
  const image = images.length > 0 ? await readOrExplain(reader, images, caseId, findings) : undefined;
  const seg = label && (await readLabelOrExplain(reader, label, caseId, findings));
  const isLabelMap = seg?.channels === 1;
  const labels = isLabelMap ? distinctValues(seg.data) : undefined;
  if (label && seg && !isLabelMap)
    findings.push(channelsOfLabelMap(caseId, label, `${seg.channels} channels`));
  if (label && labels) findings.push(...labelValueFindings(caseId, label, labels, declared));
  if (image) findings.push(...channelFindings(rawCase, image, dataset));
  if (image && isEmptyImage(image)) {
    findings.push(warning(`${caseId}: ${EMPTY_IMAGE.what}`, EMPTY_IMAGE.remedy));
  }
  if (label && image && isLabelMap)
    findings.push(...geometryFindings(caseId, images[0], image, label, seg, reader.name));
  const check = finish({
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

/** What a reader advises for images of another shape would be no help for a label map. */
async function readLabelOrExplain(
  reader: ImageReader,
  label: SourceFile,
  caseId: string,
  findings: Finding[],
): Promise<MedicalImage | undefined> {
  try {
    const image = await reader.read([label]);
    for (const text of image.warnings) findings.push({ severity: 'warning', message: `${caseId}: ${text}` });
    return image;
  } catch (problem) {
    if (isAbort(problem)) throw problem;
    const isShape = problem instanceof Error && problem.name === 'UnsupportedShape';
    findings.push(
      isShape
        ? channelsOfLabelMap(caseId, label, 'more than one channel')
        : { severity: 'error', message: `${caseId}: ${messageOf(problem)}` },
    );
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

function channelFindings(
  { caseId, images }: RawCase,
  image: MedicalImage,
  dataset: RawDataset,
): readonly Finding[] {
  const expected = dataset.channelNames.length;
  if (image.channels === expected) return [];
  const isColour = expected === 1 && (image.channels === 3 || image.channels === 4) && images.length === 1;
  return [
    error(
      `${caseId}: ${image.channels} channel(s), but dataset.json names ${expected} (${dataset.channelNames.join(', ')}).`,
      isColour
        ? `${images[0].path} is a colour picture: save it in grey values, or write "channel_names": {${COLOURS.slice(0, image.channels).join(', ')}} and do so with all images.`
        : 'Add or remove channel files, or correct channel_names.',
    ),
  ];
}

const COLOURS = ['"0": "R"', '"1": "G"', '"2": "B"', '"3": "A"'];

/** A label map is one volume of label numbers; colours, one-hot channels and overlapping segments are not. */
function channelsOfLabelMap(caseId: string, { path }: SourceFile, has: string): Finding {
  const isPicture = /\.(png|bmp|tiff?|jpe?g)$/i.test(path);
  return error(
    `${caseId}: the label map ${path} has ${has}${isPicture ? ' (colours)' : ''}; one channel of label numbers is needed (0 background, 1, 2, …).`,
    isPicture
      ? 'Save it in grey values, each pixel the number of its label: an image editor or a script replaces each colour by its number.'
      : 'Put the channels into one volume, each voxel the number of its label: from one-hot channels take the number of the channel that is 1 (argmax), and from 3D Slicer export the segmentation as a label map (labelmap volume).',
  );
}
