// nnU-Net's reader of pictures: PNG, BMP and TIFF, grey, RGB or RGBA, all channels in one file.
import { StudioError } from '@/shared/errors';
import { formatShape, type Spacing, type Zyx } from '@/shared/geometry';
import { endingsOfReader, formatOfResult, pictureFormat } from './formats';
import {
  allocate,
  assertChannelCount,
  assertFinite,
  type ImageReader,
  labelsToStore,
  lossyRefusal,
} from './imageReader';
import { pngFormat } from './png';
import type { Raster } from './raster';
import { sniff } from './sniff';
import type { SourceFile } from './sourceFile';

/** nnU-Net's: far beyond any in-plane spacing, so that nothing is ever resampled along the axis that is not there. */
const PICTURE_SPACING: Spacing = [999, 1, 1];

interface Picture {
  readonly path: string;
  readonly kind: string;
  readonly channels: number;
  readonly isPlanar: boolean;
  readonly shape: Zyx;
  readonly raster: Raster;
}

async function readPicture(file: SourceFile): Promise<Picture> {
  const { path } = file;
  const kind = await sniff(file);
  if (kind === 'jpeg') throw lossyRefusal(path);
  const format = pictureFormat(kind);
  if (!format) {
    throw new StudioError(
      'UnsupportedFormat',
      `${path} is no PNG, BMP or TIFF picture, which nnU-Net's NaturalImage2DIO reads.`,
      'Use images in the format that the model was trained on.',
    );
  }
  const raster = await format.decode(file);
  const layout = pictureLayout(raster.shape);
  if (!layout) {
    throw new StudioError(
      'UnsupportedShape',
      `${path} has the shape ${formatShape(raster.shape)}; nnU-Net reads grey, RGB and RGBA pictures.`,
      raster.shape.length === 3 && raster.shape[2] === 2
        ? 'Save it without its transparency.'
        : 'Save it as a plain picture; stacks are for models of 3D TIFF.',
    );
  }
  const { channels, height, width, isPlanar } = layout;
  return { path, kind, channels, isPlanar, shape: [1, height, width], raster };
}

const isColour = (size: number) => size === 3 || size === 4;

/** Grey, colours side by side, or three or four planes, which scikit-image takes for colours too. */
function pictureLayout(shape: readonly number[]) {
  const [a, b, c] = shape;
  if (shape.length === 2) return { channels: 1, height: a, width: b, isPlanar: false };
  if (shape.length !== 3) return undefined;
  if (isColour(c)) return { channels: c, height: a, width: b, isPlanar: false };
  return isColour(a) ? { channels: a, height: b, width: c, isPlanar: true } : undefined;
}

function assertSameSize(first: Picture, other: Picture): void {
  if (formatShape(first.shape) === formatShape(other.shape) && first.channels === other.channels) return;
  const size = ({ shape, channels }: Picture) => `${shape[2]} × ${shape[1]} pixels with ${channels} channels`;
  throw new StudioError(
    'GeometryMismatch',
    `${other.path} is ${size(other)} but ${first.path} is ${size(first)}.`,
    'Give all files of a case the same size and kind.',
  );
}

/** `[y, x, samples]` to `[samples, y, x]`. */
function placeChannels({ raster, channels, isPlanar }: Picture, target: Float32Array): void {
  const { data } = raster;
  if (isPlanar) {
    target.set(data);
    return;
  }
  const size = data.length / channels;
  for (let i = 0, at = 0; i < size; i++) {
    for (let channel = 0; channel < channels; channel++) target[channel * size + i] = data[at++];
  }
}

/** Follows nnU-Net's `NaturalImage2DIO`. */
export const naturalImage2dIO: ImageReader = {
  name: 'NaturalImage2DIO',
  endings: endingsOfReader('NaturalImage2DIO'),

  async read(files, options = {}) {
    const pictures: Picture[] = [];
    for (const file of files.filter(({ path }) => !/\.json$/i.test(path))) {
      pictures.push(await readPicture(file));
      assertSameSize(pictures[0], pictures[pictures.length - 1]);
    }
    if (pictures.length === 0)
      throw new StudioError('MissingFile', 'The case has no image files.', 'Add at least one.');
    const [{ shape, kind, path, raster }] = pictures;
    const channels = pictures.reduce((sum, picture) => sum + picture.channels, 0);
    assertChannelCount(channels, options.channels, pictures);
    const data = allocate(pictures.length * raster.data.length, path);
    pictures.forEach((picture, i) => {
      const target = data.subarray(i * raster.data.length, (i + 1) * raster.data.length);
      placeChannels(picture, target);
      assertFinite(target, picture.path, shape);
    });
    return {
      data,
      channels,
      shape,
      spacing: PICTURE_SPACING,
      geometry: { format: 'picture', kind },
      warnings: [],
    };
  },

  /** The first slice, as nnU-Net has it; as PNG where the image is no picture. */
  async write(labels, [, height, width], geometry, options = {}) {
    const stored = labelsToStore(labels.subarray(0, height * width));
    const { ending: asked } = options;
    const ofImage = geometry.format === 'picture' ? pictureFormat(geometry.kind) : pngFormat;
    const format = (asked === undefined ? ofImage : formatOfResult(asked)) ?? pngFormat;
    const ending =
      format.resultEndings.find((one) => one === asked?.toLowerCase()) ?? format.resultEndings[0];
    const content = await format.write?.(stored, { shape: [1, height, width], geometry, ending });
    if (!content) throw new Error(`FORMATS: ${format.kind} has result endings, but no write`);
    return [{ ending, content }];
  },
};
