// What every reader of nnU-Net is, and what they share.
import { StudioError } from '@/shared/errors';
import type { Zyx } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import type { ImageGeometry, MedicalImage } from './medicalImage';
import type { SourceFile } from './sourceFile';

export interface ReadCaseOptions {
  /** How many channels the model takes; another number is an error. */
  readonly channels?: number;
}

export interface WriteCaseOptions {
  /** Of the file to write, with its dot, where the format has several; the format's usual one without it. */
  readonly ending?: string;
}

/** A file of a result: `{case}{ending}`. */
export interface WrittenFile {
  readonly ending: string;
  readonly content: Uint8Array<ArrayBuffer>;
}

/** One of nnU-Net's `BaseReaderWriter` classes. */
export interface ImageReader {
  /** nnU-Net's class name, as plans and dataset.json give it. */
  readonly name: string;
  /** File endings it is chosen for, lower case, with their dot. */
  readonly endings: readonly string[];
  /** Reads one case, its channel files in order, side-car files and second halves of pairs listed too. */
  read(files: readonly SourceFile[], options?: ReadCaseOptions): Promise<MedicalImage>;
  /** Why nnU-Net's own reader would not open files that are read here all the same, if it would not. */
  refusal?(files: readonly SourceFile[]): Promise<string | undefined>;
  /** A label map, `[z, y, x]` in the axes of the image that was read, in the image's own format; the image comes first. */
  write(
    labels: Uint8Array | Uint16Array,
    shape: Zyx,
    geometry: ImageGeometry,
    options?: WriteCaseOptions,
  ): Promise<readonly WrittenFile[]>;
}

/** Refuses a case that does not have the channels the model takes. */
export function assertChannelCount(
  found: number,
  expected: number | undefined,
  files: readonly { readonly path: string }[],
): void {
  if (expected === undefined || found === expected) return;
  const names = files.map(({ path }) => path).join(', ');
  throw new StudioError(
    'ChannelCount',
    `${names}: the case has ${found} channel${found === 1 ? '' : 's'}, the model takes ${expected}.`,
    channelRemedy(found, expected, files),
  );
}

/** Four digits at the end of a name are the channel, which people take for the number of the case. */
function channelRemedy(found: number, expected: number, files: readonly { readonly path: string }[]): string {
  const name = files[0]?.path.slice(files[0].path.lastIndexOf('/') + 1) ?? '';
  const numbered = /^(.*_\d{4})(\.[^/]*)$/.exec(name);
  if (found > expected && files.length === found && numbered) {
    const last = String(expected - 1).padStart(4, '0');
    const to = `${numbered[1]}_0000${numbered[2]}${expected > 1 ? `, …, ${numbered[1]}_${last}${numbered[2]}` : ''}`;
    return `The four digits at the end of a name are the channel. If they number the cases, append the channel: ${name} → ${to}, and so on.`;
  }
  return expected > 1
    ? `Name the files of a case case_0000, …, ${`case_${String(expected - 1).padStart(4, '0')}`}.`
    : 'Give it one file per case.';
}

/** Memory for an image, or an error that names it. */
export function allocate(count: number, path: string): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(count);
  } catch (error) {
    throw new StudioError(
      'OutOfMemory',
      `${path} needs ${formatBytes(4 * count)} of memory as an image.`,
      'Crop or resample it.',
      {
        cause: error,
      },
    );
  }
}

/** Labels as nnU-Net stores them: uint8 if all are below 255, else uint16. */
export function labelsToStore(labels: Uint8Array | Uint16Array): Uint8Array | Uint16Array {
  let max = 0;
  for (let i = 0; i < labels.length; i++) if (labels[i] > max) max = labels[i];
  if (max < 255) return labels instanceof Uint8Array ? labels : Uint8Array.from(labels);
  return labels instanceof Uint16Array ? labels : Uint16Array.from(labels);
}

/** Throws if `values` hold anything that is no number; keeps count over blocks. */
export class FiniteCheck {
  private count = 0;
  private first = 0;

  visit(values: Float32Array, start: number): void {
    for (let i = 0; i < values.length; i++) {
      if (values[i] - values[i] === 0) continue;
      if (this.count === 0) this.first = start + i;
      this.count++;
    }
  }

  assert(path: string, [, height, width]: Zyx): void {
    if (this.count === 0) return;
    const x = this.first % width;
    const y = Math.floor(this.first / width) % height;
    const z = Math.floor(this.first / (width * height));
    throw new StudioError(
      'NotFinite',
      `${path}: ${this.count} voxel${this.count === 1 ? ' is' : 's are'} NaN or infinite, the first at x ${x}, y ${y}, z ${z}.`,
      'Replace them by numbers (0 for background), then try again.',
    );
  }
}

/** The same for values that are there at once. */
export function assertFinite(values: Float32Array, path: string, shape: Zyx): void {
  const check = new FiniteCheck();
  check.visit(values, 0);
  check.assert(path, shape);
}

/** JPEG's loss would be taken for anatomy, and label maps do not survive it. */
export function lossyRefusal(path: string): StudioError {
  return new StudioError(
    'LossyImage',
    `${path} is a JPEG. nnU-Net takes none: its compression loses detail, and label maps do not survive it.`,
    'Export the original as PNG or TIFF.',
  );
}
