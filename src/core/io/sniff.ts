// What a file is by its first bytes, so that anything can be dropped anywhere.
import { parseOrderedJson } from '@/core/interop/orderedJson';
import { FORMATS, type ImageKind } from './formats';
import { contentStart } from './gzip';
import { hasBytes, type ImageFormat } from './imageFormat';
import { headerKind } from './niftiHeader';
import { readText, type SourceFile } from './sourceFile';
import { isZip } from './zip';
import { isGzip } from './zlib';

/** Kinds of files a person may drop: images, and what else is known. `unknown` for everything else. */
export type FileKind = ImageKind | OtherKind;

/** Kinds of files that are no images here. */
export type OtherKind =
  | 'analyze-header'
  | 'jpeg'
  | 'torch-checkpoint'
  | 'numpy'
  | 'numpy-archive'
  | 'blosc2'
  | 'zip'
  | 'model-bundle'
  | 'onnx'
  | 'safetensors'
  | 'nnunet-plans'
  | 'nnunet-dataset'
  | 'nnunet-fingerprint'
  | 'json'
  | 'gzip'
  | 'empty'
  | 'unknown';

const START_BYTES = 1024;
/** JSON files of nnU-Net stay far below; larger ones are not parsed to see what they are. */
const MAX_JSON_BYTES = 64e6;

/** Of our own model files; content of their first entry, which is stored. */
export const BUNDLE_MIMETYPE = 'application/vnd.nnstudio.model+zip';

const latin1 = new TextDecoder('latin1');

/** The first entry of a zip tells whose it is. */
function zipKind(bytes: Uint8Array): FileKind {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nameLength = bytes.length >= 30 ? view.getUint16(26, true) : 0;
  const name = latin1.decode(bytes.subarray(30, 30 + nameLength));
  if (/(^|\/)data\.pkl$/.test(name)) return 'torch-checkpoint';
  if (name === 'mimetype' && latin1.decode(bytes.subarray(38)).startsWith(BUNDLE_MIMETYPE)) {
    return 'model-bundle';
  }
  return name.endsWith('.npy') ? 'numpy-archive' : 'zip';
}

/** Magic of PyTorch's older format: a pickled protocol 2 long, 0x1950a86a20f9469cfc6c. */
const OLD_TORCH = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/** A safetensors file starts with the length of its JSON header, u64, and the header's brace. */
function isSafetensors(bytes: Uint8Array, sizeInBytes: number): boolean {
  if (bytes.length < 10) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getBigUint64(0, true) + 8n <= BigInt(sizeInBytes) && hasBytes(bytes, '{"', 8);
}

/** An ONNX model is a protobuf whose first field is the IR version, then a producer, an opset or the graph. */
function isOnnx(bytes: Uint8Array): boolean {
  const irVersion = bytes[1];
  return (
    bytes[0] === 0x08 &&
    irVersion >= 3 &&
    irVersion <= 20 &&
    [0x12, 0x1a, 0x22, 0x2a, 0x32, 0x3a, 0x42].includes(bytes[2])
  );
}

function imageKind(matches: (format: ImageFormat) => boolean): ImageKind | undefined {
  return FORMATS.find(matches)?.kind;
}

function binaryKind(bytes: Uint8Array, sizeInBytes: number): FileKind | undefined {
  const image = imageKind((format) => format.isStart(bytes));
  if (image) return image;
  if (headerKind(bytes) === 'analyze') return 'analyze-header';
  if (hasBytes(bytes, 'PK\x03\x04') || hasBytes(bytes, 'PK\x05\x06')) return zipKind(bytes);
  if (hasBytes(bytes, [0xff, 0xd8, 0xff])) return 'jpeg';
  if (hasBytes(bytes, [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59])) return 'numpy';
  if (hasBytes(bytes, 'b2frame\0', 2)) return 'blosc2';
  if (hasBytes(bytes, OLD_TORCH)) return 'torch-checkpoint';
  const likely = imageKind((format) => format.mayStart?.(bytes) ?? false);
  if (likely) return likely;
  if (isSafetensors(bytes, sizeInBytes)) return 'safetensors';
  if (isOnnx(bytes)) return 'onnx';
  return undefined;
}

/** Of the content of a gzip file. */
function gzippedKind(bytes: Uint8Array): FileKind {
  return imageKind((format) => format.isGzippable === true && format.isStart(bytes)) ?? 'gzip';
}

function objectKind(value: unknown): FileKind {
  if (typeof value !== 'object' || value === null) return 'json';
  if ('configurations' in value || 'plans_per_stage' in value) return 'nnunet-plans';
  if ('foreground_intensity_properties_per_channel' in value && 'spacings' in value)
    return 'nnunet-fingerprint';
  if ('labels' in value && ('channel_names' in value || 'modality' in value)) return 'nnunet-dataset';
  return 'json';
}

async function textKind(file: SourceFile, bytes: Uint8Array): Promise<FileKind> {
  const text = latin1.decode(bytes);
  if (!/^\s*[[{]/.test(text) || file.sizeInBytes > MAX_JSON_BYTES) return 'unknown';
  try {
    return objectKind(parseOrderedJson(await readText(file)));
  } catch {
    return 'unknown';
  }
}

/** Looks at the first kilobyte, inside gzip too; parses a file only if it looks like JSON. Never throws on content. */
export async function sniff(file: SourceFile): Promise<FileKind> {
  if (file.sizeInBytes === 0) return 'empty';
  const start = await file.slice(0, Math.min(START_BYTES, file.sizeInBytes));
  if (!isGzip(start)) {
    const kind = binaryKind(start, file.sizeInBytes) ?? (await textKind(file, start));
    return kind === 'unknown' && (await isZip(file)) ? 'zip' : kind;
  }
  const inner = await contentStart(file, START_BYTES).catch(() => new Uint8Array(0));
  return gzippedKind(inner);
}

/** Kinds of folders, known by the names of their files alone. */
export type FolderKind = 'nnunet-model' | 'nnunet-dataset' | 'other';

/** What a dropped folder, or the content of a zip, is. */
export function sniffFolder(files: readonly Pick<SourceFile, 'path'>[]): FolderKind {
  const has = (pattern: RegExp) => files.some(({ path }) => pattern.test(path));
  if (has(/(^|\/)fold_(\d+|all)\/[^/]+\.pth$/) && has(/(^|\/)plans\.json$/)) return 'nnunet-model';
  if (has(/(^|\/)imagesTr\/[^/]+$/) && has(/(^|\/)dataset\.json$/)) return 'nnunet-dataset';
  return 'other';
}
