// DICOM files for tests: explicit little-endian, of the elements that are given.
type DicomValue = string | readonly number[] | Uint8Array;

/** An element: tag, value representation, value; numbers are 16-bit. */
export type DicomElement = readonly [tag: number, vr: string, value: DicomValue];

const LONG_VRS = ['OB', 'OW', 'SQ', 'UN', 'UT'];

function bytesOf(value: DicomValue, vr: string): Uint8Array {
  const raw =
    typeof value === 'string'
      ? new TextEncoder().encode(value)
      : value instanceof Uint8Array
        ? value
        : new Uint8Array(Uint16Array.from(value).buffer);
  if (raw.length % 2 === 0) return raw;
  const padded = new Uint8Array(raw.length + 1).fill(vr === 'UI' || vr === 'OB' ? 0 : 0x20);
  padded.set(raw);
  return padded;
}

function element([tag, vr, value]: DicomElement): Uint8Array {
  const content = bytesOf(value, vr);
  const isLong = LONG_VRS.includes(vr);
  const head = new DataView(new ArrayBuffer(isLong ? 12 : 8));
  head.setUint16(0, tag >>> 16, true);
  head.setUint16(2, tag & 0xffff, true);
  head.setUint8(4, vr.charCodeAt(0));
  head.setUint8(5, vr.charCodeAt(1));
  if (isLong) head.setUint32(8, content.length, true);
  else head.setUint16(6, content.length, true);
  return joined([new Uint8Array(head.buffer), content]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export interface SliceSpec {
  readonly values: readonly number[];
  readonly columns: number;
  readonly rows: number;
  readonly position?: string;
  readonly orientation?: string;
  readonly series?: string;
  readonly more?: readonly DicomElement[];
  readonly transferSyntax?: string;
  /** In place of `values`, with its VR. */
  readonly pixels?: readonly [vr: string, bytes: Uint8Array];
  /** `pixels` is one compressed frame. */
  readonly isEncapsulated?: boolean;
}

/** Pixel data of one compressed frame: an empty table of offsets, one fragment, an end. */
function encapsulated(frame: Uint8Array): Uint8Array {
  const item = (tag: number, content: Uint8Array) => {
    const head = new DataView(new ArrayBuffer(8));
    head.setUint16(0, 0xfffe, true);
    head.setUint16(2, tag, true);
    head.setUint32(4, content.length, true);
    return joined([new Uint8Array(head.buffer), content]);
  };
  const none = new Uint8Array();
  const head = element([0x7fe00010, 'OB', none]).fill(0xff, 8); // of undefined length
  const fragment = bytesOf(frame, 'OB');
  return joined([head, item(0xe000, none), item(0xe000, fragment), item(0xe0dd, none)]);
}

/** One slice of 16-bit pixels, signed, as a file. */
export function dicomSlice({
  values,
  columns,
  rows,
  position = '0\\0\\0',
  orientation = '1\\0\\0\\0\\1\\0',
  series = '1.2.3',
  more = [],
  transferSyntax = '1.2.840.10008.1.2.1',
  pixels = ['OW', new Uint8Array(Int16Array.from(values).buffer)],
  isEncapsulated = false,
}: SliceSpec): Uint8Array {
  const own: readonly DicomElement[] = [
    [0x00080060, 'CS', 'CT'],
    [0x0020000e, 'UI', series],
    [0x00200032, 'DS', position],
    [0x00200037, 'DS', orientation],
    [0x00280002, 'US', [1]],
    [0x00280010, 'US', [rows]],
    [0x00280011, 'US', [columns]],
    [0x00280030, 'DS', '2\\0.5'],
    [0x00280100, 'US', [16]],
    [0x00280101, 'US', [16]],
    [0x00280102, 'US', [15]],
    [0x00280103, 'US', [1]],
  ];
  const replaced = new Set(more.map(([tag]) => tag));
  const all = [...own.filter(([tag]) => !replaced.has(tag)), ...more].toSorted((a, b) => a[0] - b[0]);
  const meta = element([0x00020010, 'UI', transferSyntax]);
  const length = new DataView(new ArrayBuffer(4));
  length.setUint32(0, meta.length, true);
  return joined([
    new Uint8Array(128),
    new TextEncoder().encode('DICM'),
    element([0x00020000, 'UL', new Uint8Array(length.buffer)]),
    meta,
    ...all.map(element),
    isEncapsulated ? encapsulated(pixels[1]) : element([0x7fe00010, pixels[0], pixels[1]]),
  ]);
}
