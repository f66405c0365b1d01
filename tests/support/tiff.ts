// TIFF files written field by field from the standard, apart from `src`, right or wrong.

export interface TiffSpec {
  /** Pages, y, x. */
  readonly shape: readonly [number, number, number];
  /** uint16, x fastest. */
  readonly values: readonly number[];
  readonly description?: string;
  /** Whether the first page alone has a directory, the others' data following its own. */
  readonly hasOneDirectory?: boolean;
  readonly isBigEndian?: boolean;
  /** Said; done by {@link TiffSpec.pack}. */
  readonly compression?: number;
  /** What a strip's bytes are stored as; without it as they are. */
  readonly pack?: (strip: Uint8Array) => Uint8Array;
  /** Strips to a page; the last may have fewer rows. */
  readonly strips?: number;
  /** Rows to a strip, as the header says it; without it as they are. */
  readonly rowsPerStrip?: number;
}

const SHORT = 3;
const LONG = 4;
const ASCII = 2;

/** The file's bytes. */
export function tiffFile({
  shape: [pages, height, width],
  values,
  description = '',
  hasOneDirectory = false,
  isBigEndian = false,
  compression = 1,
  pack,
  strips = 1,
  rowsPerStrip,
}: TiffSpec): Uint8Array<ArrayBuffer> {
  const little = !isBigEndian;
  const bytes = new Uint8Array(8 + 4 * values.length + 1024 * pages + description.length);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(isBigEndian ? 'MM' : 'II'));
  view.setUint16(2, 42, little);
  values.forEach((value, i) => {
    view.setUint16(8 + 2 * i, value, little);
  });
  let end = 8 + 2 * values.length;
  const put = (size: number) => {
    end += end % 2;
    const at = end;
    end += size;
    return at;
  };
  const text = new TextEncoder().encode(`${description}\0`);
  const textAt = put(text.length);
  bytes.set(text, textAt);
  const rows = Math.ceil(height / strips);
  const list = (numbers: readonly number[]) => {
    if (numbers.length === 1) return numbers[0];
    const at = put(4 * numbers.length);
    numbers.forEach((number, i) => {
      view.setUint32(at + 4 * i, number, little);
    });
    return at;
  };
  let linkAt = 4;
  for (let page = 0; page < (hasOneDirectory ? 1 : pages); page++) {
    const stored = Array.from({ length: strips }, (_, i) => {
      const start = 8 + 2 * width * (page * height + i * rows);
      const length = 2 * width * Math.min(rows, height - i * rows);
      if (!pack) return { start, length };
      const packed = pack(bytes.slice(start, start + length));
      const at = put(packed.length);
      bytes.set(packed, at);
      return { start: at, length: packed.length };
    });
    const entries = [
      [256, LONG, 1, width],
      [257, LONG, 1, height],
      [258, SHORT, 1, 16],
      [259, SHORT, 1, compression],
      [262, SHORT, 1, 1],
      ...(page === 0 && description ? [[270, ASCII, text.length, textAt]] : []),
      [273, LONG, strips, list(stored.map(({ start }) => start))],
      [277, SHORT, 1, 1],
      [278, LONG, 1, rowsPerStrip ?? rows],
      [279, LONG, strips, list(stored.map(({ length }) => length))],
    ];
    const at = put(2 + 12 * entries.length + 4);
    view.setUint32(linkAt, at, little);
    view.setUint16(at, entries.length, little);
    entries.forEach(([tag, type, count, value], i) => {
      const entry = at + 2 + 12 * i;
      view.setUint16(entry, tag, little);
      view.setUint16(entry + 2, type, little);
      view.setUint32(entry + 4, count, little);
      if (type === SHORT) view.setUint16(entry + 8, value, little);
      else view.setUint32(entry + 8, value, little);
    });
    linkAt = at + 2 + 12 * entries.length;
  }
  return bytes.slice(0, end);
}

/** A Zstandard frame of one block that is stored as it is, of at most 255 bytes. */
export function storedByZstd(bytes: Uint8Array): Uint8Array {
  const block = (bytes.length << 3) | 1;
  return Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, bytes.length, block & 0xff, block >> 8, 0, ...bytes);
}
