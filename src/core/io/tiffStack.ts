// Which axes the pages of a TIFF file make, by what ImageJ, OME and tifffile write into its description; and stacks that
// hold all slices behind a single directory. As tifffile reads them (`_series_imagej`, `_series_shaped`).
import { elementCount } from '@/shared/geometry';

/** What the description is held against: one page of the file. */
export interface DescribedPage {
  readonly description: string;
  readonly width: number;
  readonly height: number;
  readonly samples: number;
  readonly isPlanar: boolean;
}

/** Slices that a description promises. */
export interface PromisedStack {
  /** Who wrote the description, for messages. */
  readonly writer: 'ImageJ' | 'OME' | 'tifffile';
  /** Sizes of the axes before those of a page, slowest first, 1s left out. */
  readonly axes: readonly number[];
  /** Whether all slices may lie one behind the other after the data of the first page. */
  readonly canBeContiguous: boolean;
}

const ABOVE_1 = (size: number) => size > 1;

/** ImageJ's names of the axes by its `order`, slowest first; unknown orders count as the usual one. */
const IMAGEJ_ORDERS: Readonly<Record<string, readonly ImageJAxis[]>> = {
  czt: ['frames', 'slices', 'channels'],
  ctz: ['slices', 'frames', 'channels'],
  zct: ['frames', 'channels', 'slices'],
  ztc: ['channels', 'frames', 'slices'],
  tcz: ['slices', 'channels', 'frames'],
  tzc: ['channels', 'slices', 'frames'],
};

type ImageJAxis = 'frames' | 'slices' | 'channels';

/** What the description promises, if it promises anything. */
export function promisedStack(page: DescribedPage): PromisedStack | undefined {
  const { description } = page;
  if (/^(ImageJ|SCIFIO)=/.test(description))
    return { writer: 'ImageJ', axes: imageJAxes(page), canBeContiguous: true };
  if (description.includes('<OME')) return { writer: 'OME', axes: omeAxes(page), canBeContiguous: false };
  const shape = tifffileShape(description);
  if (!shape) return undefined;
  const axes = shape.slice(0, shape.length - pageRank(page)).filter(ABOVE_1);
  const isOfThisPage = elementCount(shape) % pageSize(page) === 0;
  return isOfThisPage ? { writer: 'tifffile', axes, canBeContiguous: true } : undefined;
}

function pageSize({ width, height, samples }: DescribedPage): number {
  return width * height * samples;
}

function pageRank({ samples }: DescribedPage): number {
  return samples > 1 ? 3 : 2;
}

function imageJAxes({ description, samples }: DescribedPage): readonly number[] {
  const numberOf = (key: string) => {
    const value = Number(new RegExp(`^${key}=\\s*(\\d+)`, 'm').exec(description)?.[1] ?? 1);
    return Number.isSafeInteger(value) && value > 0 ? value : 1;
  };
  const sizes = { frames: numberOf('frames'), slices: numberOf('slices'), channels: numberOf('channels') };
  // Some writers count the samples of a colour page as channels.
  if (samples > 1 && samples === sizes.channels) sizes.channels = 1;
  const order = /^order=\s*(\w+)/m.exec(description)?.[1]?.toLowerCase() ?? 'czt';
  const axes = (IMAGEJ_ORDERS[order] ?? IMAGEJ_ORDERS.czt).map((axis) => sizes[axis]).filter(ABOVE_1);
  // Without axes there is only the number of images.
  return axes.length > 0 ? axes : [numberOf('images')].filter((size) => size > 1 && size !== samples);
}

function omeAxes({ description, samples }: DescribedPage): readonly number[] {
  const sizeOf = (axis: string) => Number(new RegExp(`Size${axis}="(\\d+)"`).exec(description)?.[1] ?? 1);
  const channels = sizeOf('C') === samples ? 1 : sizeOf('C');
  return [sizeOf('T'), sizeOf('Z'), channels].filter(ABOVE_1);
}

/** tifffile's own: `{"shape": [9, 10, 12]}`, of old `shape=(9, 10, 12)`. */
function tifffileShape(description: string): readonly number[] | undefined {
  const list = /^\{"shape": \[([\d, ]+)\]/.exec(description) ?? /^shape=\(([\d, ]+)\)/.exec(description);
  const shape = list?.[1].split(',').map((word) => Number.parseInt(word, 10));
  return shape?.every((size) => size > 0) ? shape : undefined;
}
