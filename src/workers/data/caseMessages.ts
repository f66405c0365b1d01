// What goes to a thread that works on cases, and what comes back: one request, one answer.
import type { RawCase } from '@/core/dataset/rawDataset';
import {
  fingerprintTrainingCase,
  preprocessTrainingCase,
  type TrainingCaseRequest,
} from '@/core/dataset/trainingCases';
import type { CaseFingerprint } from '@/core/fingerprint/caseFingerprint';
import {
  type DrawnIntensities,
  type DrawPlacement,
  type DrawSurvey,
  refineDraws,
  surveyDraws,
} from '@/core/fingerprint/drawnIntensities';
import { browserFile, memoryFile, type SourceFile } from '@/core/io/sourceFile';
import type { TrainingCaseFiles } from '@/core/preprocessing/trainingCase';
import { messageOf } from '@/shared/errors';

/** A file as it crosses: by what opens it there, or whole. */
interface SentFile {
  readonly path: string;
  readonly origin: Blob | string | Uint8Array;
  readonly sideCar?: SentFile;
}

/** A case as it crosses. */
export interface SentCase {
  readonly caseId: string;
  readonly images: readonly SentFile[];
  readonly label: SentFile | undefined;
  readonly labelPath: string;
  readonly missing: readonly string[];
}

/** By task. */
export interface CaseRequests {
  readonly fingerprint: { readonly rawCase: SentCase; readonly reader: string; readonly samples: number };
  readonly preprocess: { readonly rawCase: SentCase; readonly order: TrainingCaseRequest };
  readonly survey: { readonly draws: DrawnIntensities; readonly placement: DrawPlacement };
  readonly refine: {
    readonly draws: DrawnIntensities;
    readonly placement: DrawPlacement;
    readonly mean: number;
    readonly bins: readonly number[];
  };
}

export interface CaseResults {
  readonly fingerprint: CaseFingerprint;
  readonly preprocess: TrainingCaseFiles;
  readonly survey: DrawSurvey;
  readonly refine: DrawSurvey;
}

export type CaseTask = keyof CaseRequests;

export type CaseRequest = { [Task in CaseTask]: { readonly task: Task } & CaseRequests[Task] }[CaseTask];

export type CaseAnswer<Result = CaseResults[CaseTask]> =
  | { readonly result: Result }
  | { readonly error: { readonly name: string; readonly message: string } };

export async function sentCase({ images, label, ...rest }: RawCase): Promise<SentCase> {
  const [sentLabel, ...sentImages] = await Promise.all([label && sentFile(label), ...images.map(sentFile)]);
  return { ...rest, images: sentImages.filter((file) => file !== undefined), label: sentLabel };
}

async function sentFile(file: SourceFile): Promise<SentFile> {
  return {
    path: file.path,
    origin: file.origin ?? (await file.bytes()),
    ...(file.sideCar && { sideCar: await sentFile(file.sideCar) }),
  };
}

/** Opens a file by its location on disk, where there is a disk. */
export type OpenLocation = (location: string, path: string) => Promise<SourceFile>;

/** Does what is asked for, in the thread that is asked. `buffers` may be handed over with the answer. */
export async function answerTo(
  request: CaseRequest,
  openLocation?: OpenLocation,
): Promise<{ answer: CaseAnswer; buffers: ArrayBuffer[] }> {
  try {
    const result = await resultOf(request, openLocation);
    return { answer: { result }, buffers: buffersOf(result) };
  } catch (error) {
    const name = error instanceof Error ? error.name : 'Error';
    return { answer: { error: { name, message: messageOf(error) } }, buffers: [] };
  }
}

async function resultOf(request: CaseRequest, openLocation?: OpenLocation): Promise<CaseResults[CaseTask]> {
  switch (request.task) {
    case 'fingerprint': {
      const rawCase = await openedCase(request.rawCase, openLocation);
      return fingerprintTrainingCase(rawCase, request.reader, request.samples);
    }
    case 'preprocess':
      return preprocessTrainingCase(await openedCase(request.rawCase, openLocation), request.order);
    case 'survey':
      return surveyDraws(request.draws, request.placement);
    case 'refine':
      return refineDraws(request.draws, request.placement, request.mean, request.bins);
  }
}

async function openedCase(
  { images, label, ...rest }: SentCase,
  openLocation?: OpenLocation,
): Promise<RawCase> {
  const opened = (file: SentFile) => openedFile(file, openLocation);
  return {
    ...rest,
    images: await Promise.all(images.map(opened)),
    label: label && (await opened(label)),
  };
}

async function openedFile(
  { path, origin, sideCar }: SentFile,
  openLocation?: OpenLocation,
): Promise<SourceFile> {
  const file = await openedOrigin(origin, path, openLocation);
  return sideCar ? { ...file, sideCar: await openedFile(sideCar, openLocation) } : file;
}

async function openedOrigin(
  origin: SentFile['origin'],
  path: string,
  openLocation?: OpenLocation,
): Promise<SourceFile> {
  if (origin instanceof Uint8Array) return memoryFile(origin, path);
  if (typeof origin !== 'string') return browserFile(origin, path);
  if (!openLocation) throw new Error(`${path} lies on disk, where this thread cannot read`);
  return openLocation(origin, path);
}

/** Large arrays of a result that own their whole buffer. */
function buffersOf(result: CaseResults[CaseTask]): ArrayBuffer[] {
  const arrays =
    'npz' in result
      ? [result.npz, result.pkl]
      : 'counts' in result
        ? [result.counts]
        : result.intensities.map(({ values }) => values);
  const whole = arrays.filter(({ byteLength, buffer }) => byteLength > 0 && byteLength === buffer.byteLength);
  return whole.map(({ buffer }) => buffer).filter((buffer) => buffer instanceof ArrayBuffer);
}
