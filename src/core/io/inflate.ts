// Gzip by the book (RFC 1951, 1952), for the files that the platform's `DecompressionStream` refuses: browsers stop at
// a second member and at bytes behind the last one, and never say how a stream is broken. Slower than the platform's.
import { crc32 } from './crc32';

/** How a gzip stream is broken. `readBytes` of the file were good, and gave `inflatedBytes`. */
export class GzipError extends Error {
  readonly kind: 'truncated' | 'corrupt';
  readonly readBytes: number;
  readonly inflatedBytes: number;
  constructor(kind: 'truncated' | 'corrupt', readBytes: number, inflatedBytes: number) {
    super(`gzip stream ${kind} at byte ${readBytes}`);
    this.kind = kind;
    this.readBytes = readBytes;
    this.inflatedBytes = inflatedBytes;
  }
}

/** True if the bytes start a gzip member with deflate, the only method there is. */
export function isGzip(bytes: Uint8Array, at = 0): boolean {
  return bytes[at] === 0x1f && bytes[at + 1] === 0x8b && bytes[at + 2] === 8;
}

/** How far back a match may reach. */
const WINDOW = 1 << 15;
const PIECE_BYTES = 1 << 20;
const MAX_MATCH = 258;
const MAX_CODE_BITS = 15;

const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
  227, 258,
];
const LENGTH_EXTRA_BITS = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
  6145, 8193, 12289, 16385, 24577,
];
const DISTANCE_EXTRA_BITS = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
/** Order in which a dynamic block gives the lengths of the code for code lengths. */
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** A Huffman code as a table over the next `bits` bits of the stream: symbol · 16 + code length, 0 = no such code. */
interface HuffmanCode {
  readonly table: Uint16Array;
  readonly bits: number;
}

function reversedBits(code: number, length: number): number {
  let reversed = 0;
  for (let bit = 0; bit < length; bit++) reversed |= ((code >> bit) & 1) << (length - 1 - bit);
  return reversed;
}

/** The canonical code with these lengths, or `undefined` if there are more codes than bits can tell apart. */
function huffmanCode(lengths: ArrayLike<number>): HuffmanCode | undefined {
  const counts = new Uint16Array(MAX_CODE_BITS + 1);
  for (let symbol = 0; symbol < lengths.length; symbol++) counts[lengths[symbol]]++;
  counts[0] = 0;
  let bits = MAX_CODE_BITS;
  while (bits > 1 && counts[bits] === 0) bits--;
  const next = new Uint16Array(MAX_CODE_BITS + 2);
  for (let length = 1; length <= bits; length++) next[length + 1] = (next[length] + counts[length]) << 1;
  const table = new Uint16Array(1 << bits);
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol];
    if (length === 0) continue;
    const code = next[length]++;
    if (code >= 1 << length) return undefined;
    for (let i = reversedBits(code, length); i < table.length; i += 1 << length)
      table[i] = (symbol << 4) | length;
  }
  return { table, bits };
}

const FIXED_LENGTHS = Uint8Array.from({ length: 288 }, (_, i) =>
  i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8,
);
const FIXED_DISTANCE_LENGTHS = new Uint8Array(30).fill(5);

/** Inflates one gzip file, however many members it has, in order. Bytes behind the last member are ignored. */
class Inflater {
  private readonly source: Uint8Array;
  private at = 0;
  private bitBuffer = 0;
  private bitCount = 0;
  private readonly output = new Uint8Array(WINDOW + PIECE_BYTES + MAX_MATCH);
  /** Where the next byte of output goes, and where the bytes not yet handed out start. */
  private end = WINDOW;
  private start = WINDOW;
  private crc = 0;
  private memberBytes = 0;
  private finishedBytes = 0;

  constructor(source: Uint8Array) {
    this.source = source;
  }

  *members(): Generator<Uint8Array> {
    do {
      this.crc = 0;
      this.memberBytes = 0;
      this.skipMemberHeader();
      yield* this.blocks();
      yield this.handOut();
      this.checkTrailer();
      this.finishedBytes += this.memberBytes;
    } while (isGzip(this.source, this.at));
  }

  private fail(kind: 'truncated' | 'corrupt'): GzipError {
    return new GzipError(
      kind,
      Math.min(this.at, this.source.length),
      this.finishedBytes + this.memberBytes + this.end - this.start,
    );
  }

  private byte(): number {
    if (this.at >= this.source.length) throw this.fail('truncated');
    return this.source[this.at++];
  }

  private uint32(): number {
    return (this.byte() | (this.byte() << 8) | (this.byte() << 16) | (this.byte() << 24)) >>> 0;
  }

  private skipMemberHeader(): void {
    if (!isGzip(this.source, this.at))
      throw this.fail(this.source.length - this.at < 3 ? 'truncated' : 'corrupt');
    const flags = this.source[this.at + 3];
    this.at += 10;
    if (flags & 4) this.at += this.byte() | (this.byte() << 8);
    for (const text of [8, 16]) if (flags & text) while (this.byte() !== 0);
    if (flags & 2) this.at += 2;
    if (this.at > this.source.length) throw this.fail('truncated');
  }

  private checkTrailer(): void {
    this.at -= this.bitCount >> 3;
    this.bitBuffer = 0;
    this.bitCount = 0;
    const crc = this.uint32();
    const size = this.uint32();
    if (crc !== this.crc || size !== this.memberBytes % 2 ** 32) throw this.fail('corrupt');
  }

  /** A copy of what has been inflated since the last call; the window stays. */
  private handOut(): Uint8Array {
    const piece = this.output.slice(this.start, this.end);
    this.crc = crc32(piece, this.crc);
    this.memberBytes += piece.length;
    this.output.copyWithin(0, this.end - WINDOW, this.end);
    this.start = WINDOW;
    this.end = WINDOW;
    return piece;
  }

  private needBits(count: number): void {
    while (this.bitCount < count) {
      this.bitBuffer |= this.byte() << this.bitCount;
      this.bitCount += 8;
    }
  }

  private bits(count: number): number {
    this.needBits(count);
    const value = this.bitBuffer & ((1 << count) - 1);
    this.bitBuffer >>>= count;
    this.bitCount -= count;
    return value;
  }

  private symbol({ table, bits }: HuffmanCode): number {
    while (this.bitCount < bits && this.at < this.source.length) {
      this.bitBuffer |= this.source[this.at++] << this.bitCount;
      this.bitCount += 8;
    }
    const entry = table[this.bitBuffer & ((1 << bits) - 1)];
    const length = entry & 15;
    if (length > this.bitCount) throw this.fail('truncated');
    if (length === 0) throw this.fail(this.bitCount < bits ? 'truncated' : 'corrupt');
    this.bitBuffer >>>= length;
    this.bitCount -= length;
    return entry >> 4;
  }

  private *blocks(): Generator<Uint8Array> {
    for (let isLast = false; !isLast; ) {
      isLast = this.bits(1) === 1;
      const type = this.bits(2);
      if (type === 0) yield* this.storedBlock();
      else if (type === 1)
        yield* this.codedBlock(this.code(FIXED_LENGTHS), this.code(FIXED_DISTANCE_LENGTHS));
      else if (type === 2) yield* this.codedBlock(...this.dynamicCodes());
      else throw this.fail('corrupt');
    }
  }

  private *storedBlock(): Generator<Uint8Array> {
    this.bits(this.bitCount & 7);
    const length = this.bits(16);
    if (this.bits(16) !== (~length & 0xffff)) throw this.fail('corrupt');
    for (let i = 0; i < length; i++) {
      if (this.end >= WINDOW + PIECE_BYTES) yield this.handOut();
      this.output[this.end++] = this.bits(8);
    }
  }

  private code(lengths: ArrayLike<number>): HuffmanCode {
    const code = huffmanCode(lengths);
    if (!code) throw this.fail('corrupt');
    return code;
  }

  private dynamicCodes(): [HuffmanCode, HuffmanCode] {
    const literals = this.bits(5) + 257;
    const distances = this.bits(5) + 1;
    const codeLengths = new Uint8Array(19);
    const given = this.bits(4) + 4;
    for (let i = 0; i < given; i++) codeLengths[CODE_LENGTH_ORDER[i]] = this.bits(3);
    const lengthCode = this.code(codeLengths);
    const lengths = new Uint8Array(literals + distances);
    for (let i = 0; i < lengths.length; ) {
      const symbol = this.symbol(lengthCode);
      if (symbol < 16) {
        lengths[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) throw this.fail('corrupt');
      const value = symbol === 16 ? lengths[i - 1] : 0;
      const times = symbol === 16 ? 3 + this.bits(2) : symbol === 17 ? 3 + this.bits(3) : 11 + this.bits(7);
      if (i + times > lengths.length) throw this.fail('corrupt');
      lengths.fill(value, i, i + times);
      i += times;
    }
    return [this.code(lengths.subarray(0, literals)), this.code(lengths.subarray(literals))];
  }

  private *codedBlock(literalCode: HuffmanCode, distanceCode: HuffmanCode): Generator<Uint8Array> {
    for (;;) {
      if (this.end >= WINDOW + PIECE_BYTES) yield this.handOut();
      const symbol = this.symbol(literalCode);
      if (symbol < 256) this.output[this.end++] = symbol;
      else if (symbol === 256) return;
      else this.copyMatch(symbol - 257, distanceCode);
    }
  }

  private copyMatch(lengthSymbol: number, distanceCode: HuffmanCode): void {
    if (lengthSymbol >= LENGTH_BASE.length) throw this.fail('corrupt');
    const length = LENGTH_BASE[lengthSymbol] + this.bits(LENGTH_EXTRA_BITS[lengthSymbol]);
    const distanceSymbol = this.symbol(distanceCode);
    if (distanceSymbol >= DISTANCE_BASE.length) throw this.fail('corrupt');
    const distance = DISTANCE_BASE[distanceSymbol] + this.bits(DISTANCE_EXTRA_BITS[distanceSymbol]);
    if (distance > this.memberBytes + this.end - this.start) throw this.fail('corrupt');
    for (let i = 0; i < length; i++, this.end++) this.output[this.end] = this.output[this.end - distance];
  }
}

/** The content of a gzip file in pieces. Throws {@link GzipError} where the stream breaks off or fails its checksum. */
export function inflateGzip(bytes: Uint8Array): Generator<Uint8Array> {
  return new Inflater(bytes).members();
}
