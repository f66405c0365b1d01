// What the pixels of a TIFF file are packed by: what is read, and by what name to say that something is not.
import type { ImageFileDirectory } from 'geotiff';

const ZSTANDARD = 50000;

/** Compressions of which every pixel is read, on every front. */
const READ: readonly number[] = [1, 5, 7, 8, 32773, 32946, ZSTANDARD];

/** Others that are in use, by what people call them. */
const NOT_READ: Readonly<Record<number, string>> = {
  2: 'CCITT (fax)',
  3: 'CCITT Group 3 (fax)',
  4: 'CCITT Group 4 (fax)',
  6: 'JPEG of the old kind',
  33003: 'JPEG 2000',
  33005: 'JPEG 2000',
  34712: 'JPEG 2000',
  34887: 'LERC',
  34925: 'LZMA',
  50001: 'WebP',
  50002: 'JPEG XL',
  52546: 'JPEG XL',
};

/** The name of a compression that is not read; `undefined` for one that is. `compression`: the value of tag 259. */
export function unreadCompression(compression: number): string | undefined {
  if (READ.includes(compression)) return undefined;
  return NOT_READ[compression] ?? `compression ${compression}`;
}

/** What geotiff tells a decoder of a strip or tile. */
interface BlockParameters {
  readonly tileWidth: number;
  readonly tileHeight: number;
  readonly planarConfiguration: number;
  readonly bitsPerSample: number[];
  readonly predictor: number;
}

/** Of geotiff. Its own Zstandard decoder fetches a `data:` address, which the page's policy forbids. */
type Library = typeof import('geotiff');

let isZstandardAdded = false;

/** Makes geotiff unpack Zstandard by the library that Blosc2 arrays are unpacked by. */
export function addZstandard({ addDecoder, getDecoder }: Library): void {
  if (isZstandardAdded) return;
  isZstandardAdded = true;
  class ZstandardDecoder {
    readonly parameters: BlockParameters;

    constructor(parameters: BlockParameters) {
      this.parameters = parameters;
    }

    /** Throws where the block is damaged. */
    async decode(packed: ArrayBufferLike): Promise<ArrayBufferLike> {
      const { loadZstd } = await import('./zstd');
      const unpack = await loadZstd();
      const bytes = unpack(new Uint8Array(packed), blockBytes(this.parameters));
      if (!bytes) throw new Error('a block of Zstandard is damaged');
      // What is stored as it is only has its predictor undone.
      const stored = await getDecoder(1, this.parameters as Parameters<Library['getDecoder']>[1]);
      return stored.decode(bytes.buffer);
    }
  }
  const load = async () =>
    ZstandardDecoder as unknown as Awaited<ReturnType<Parameters<typeof addDecoder>[1]>>;
  addDecoder(ZSTANDARD, load, blockParameters, false);
}

/**
 * As geotiff reads them, but for a strip that says more rows than the image has, where geotiff would have a decoder fill
 * as many: 2^32 - 1 stands for all.
 */
async function blockParameters(directory: ImageFileDirectory): Promise<BlockParameters> {
  const width = Number(await directory.loadValue('ImageWidth'));
  const height = Number(await directory.loadValue('ImageLength'));
  const isTiled = !directory.hasTag('StripOffsets');
  const rows = Number(await directory.loadValue(isTiled ? 'TileLength' : 'RowsPerStrip')) || height;
  return {
    tileWidth: isTiled ? Number(await directory.loadValue('TileWidth')) : width,
    tileHeight: isTiled ? rows : Math.min(rows, height),
    planarConfiguration: Number(await directory.loadValue('PlanarConfiguration')) || 1,
    bitsPerSample: Array.from((await directory.loadValue('BitsPerSample')) ?? [1]),
    predictor: Number(await directory.loadValue('Predictor')) || 1,
  };
}

/** Of a whole strip or tile; the last strip may be shorter. */
function blockBytes({ tileWidth, tileHeight, planarConfiguration, bitsPerSample }: BlockParameters): number {
  const pixelBits =
    planarConfiguration === 2
      ? Math.max(...bitsPerSample)
      : bitsPerSample.reduce((sum, bits) => sum + bits, 0);
  return tileHeight * Math.ceil((tileWidth * pixelBits) / 8);
}
