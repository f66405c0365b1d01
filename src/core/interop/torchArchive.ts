// A `.pth` with its values changed in place: everything else in it stays as it is, to the byte.
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { isZip, openZip, withRandomAccess } from '@/core/io/zip';
import { writeZip } from '@/core/io/zipStream';

/**
 * `file` with its pickle replaced by what `change` makes of it; `undefined` where that is nothing, or the file is not of
 * the format that PyTorch writes since 1.6. The pickle alone is read unless it changes.
 */
export async function withChangedPickle(
  file: SourceFile,
  change: (pickle: Uint8Array) => Uint8Array | undefined,
): Promise<SourceFile | undefined> {
  const source = await withRandomAccess(file);
  if (!(await isZip(source))) return undefined;
  const entries = await openZip(source);
  const pickle = entries.find(({ path }) => /^[^/]+\/data\.pkl$/.test(path));
  const changed = pickle && change(await pickle.bytes());
  if (!pickle || !changed) return undefined;
  const contents = await Promise.all(
    entries.map(async (entry) => ({
      path: entry.path,
      content: entry === pickle ? changed : await entry.bytes(),
    })),
  );
  return memoryFile(writeZip(contents), file.path);
}

/** Instructions of the pickle machine that come up here. */
const UNICODE = 0x58;
const SHORT_UNICODE = 0x8c;
const BINPUT = 0x71;
const LONG_BINPUT = 0x72;
const MEMOIZE = 0x94;
const FRAME = 0x95;

/**
 * A pickle with the text under a text key of a dict changed; `undefined` where the key is not there, has no text of its own,
 * or keeps it. Pickles hold no places of their own bytes but for frames, and those that are framed are left alone.
 */
export function withChangedText(
  pickle: Uint8Array,
  key: string,
  change: (text: string) => string,
): Uint8Array | undefined {
  if (pickle[2] === FRAME) return undefined;
  const found = textUnder(pickle, key);
  if (!found) return undefined;
  const before = new TextDecoder().decode(pickle.subarray(found.textStart, found.end));
  const after = change(before);
  if (after === before) return undefined;
  const encoded = new TextEncoder().encode(after);
  const changed = new Uint8Array(pickle.length - (found.end - found.start) + 5 + encoded.length);
  changed.set(pickle.subarray(0, found.start));
  changed[found.start] = UNICODE;
  new DataView(changed.buffer).setUint32(found.start + 1, encoded.length, true);
  changed.set(encoded, found.start + 5);
  changed.set(pickle.subarray(found.end), found.start + 5 + encoded.length);
  return changed;
}

/** Where the instruction lies that gives the text under a key. */
function textUnder(
  pickle: Uint8Array,
  key: string,
): { readonly start: number; readonly textStart: number; readonly end: number } | undefined {
  const text = new TextEncoder().encode(key);
  const view = new DataView(pickle.buffer, pickle.byteOffset, pickle.byteLength);
  for (let at = 0; at + text.length < pickle.length; at++) {
    const [start, length] = textAt(view, at);
    if (length !== text.length || text.some((byte, i) => pickle[start + i] !== byte)) continue;
    const value = afterMemo(pickle, start + length);
    const [valueStart, valueLength] = textAt(view, value);
    if (valueLength > 0 && valueStart + valueLength <= pickle.length)
      return { start: value, textStart: valueStart, end: valueStart + valueLength };
  }
  return undefined;
}

/** Where the text of an instruction begins, and its bytes; a length of -1 where it is another instruction. */
function textAt(view: DataView, at: number): readonly [start: number, length: number] {
  if (at + 5 <= view.byteLength && view.getUint8(at) === UNICODE)
    return [at + 5, view.getUint32(at + 1, true)];
  if (at + 2 <= view.byteLength && view.getUint8(at) === SHORT_UNICODE)
    return [at + 2, view.getUint8(at + 1)];
  return [at, -1];
}

/** Behind an instruction that only remembers what was last made. */
function afterMemo(pickle: Uint8Array, at: number): number {
  if (pickle[at] === BINPUT) return at + 2;
  if (pickle[at] === LONG_BINPUT) return at + 5;
  return pickle[at] === MEMOIZE ? at + 1 : at;
}
