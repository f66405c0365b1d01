// Everything that may be done to one channel on the device, compiled and bound before training begins. Per transform a
// function writes the uniforms and says what to submit; transforms that were not drawn cost nothing.

import { uniformBuffer } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type Dispatch, type GpuArray, type PreparedDispatch, prepare } from '@/gpu/dispatch';
import { BLUR_AXIS_WORDS, blurAxis, blurAxisUniform } from '@/kernels/augmentation/blurAxis';
import { FEED_WORDS, feedChannel, feedUniform } from '@/kernels/augmentation/feed';
import {
  INTENSITY_WORDS,
  type IntensityEntryPoint,
  type IntensityNumbers,
  intensityKernel,
  intensityUniform,
} from '@/kernels/augmentation/intensity';
import { lowResolution, lowResolutionTable } from '@/kernels/augmentation/lowResolution';
import { flattenRectangles, RECTANGLES_WORDS, rectanglesUniform } from '@/kernels/augmentation/rectangles';
import { SHARPEN_WORDS, sharpen, sharpenUniform } from '@/kernels/augmentation/sharpen';
import { planeStatistics } from '@/kernels/augmentation/statistics';
import type { Zyx } from '@/shared/geometry';
import { mixBits } from '@/shared/random';
import type { AugmenterArrays } from './augmenterMemory';
import type { Transform } from './drawAugmentation';
import { GAMMA_EPSILON } from './gamma';
import { blurKernel } from './gaussianBlur';
import { LOCAL_GAMMA_EPSILON } from './localGamma';
import { type LocalKernel, localKernelAxes } from './localKernel';
import { planeLength } from './patch';
import { lowResolutionAxis } from './simulateLowResolution';

const CHANNEL_KINDS = [
  'gaussianNoise',
  'gaussianBlur',
  'brightness',
  'additiveBrightness',
  'contrast',
  'simulateLowResolution',
  'gamma',
  'mirror',
  'blankRectangle',
  'brightnessGradient',
  'localGamma',
  'sharpening',
] as const;

/** Transforms of single channels of the image that there are kernels for. */
export type ChannelTransform = Extract<Transform, { readonly kind: (typeof CHANNEL_KINDS)[number] }>;

export function isChannelTransform(transform: Transform): transform is ChannelTransform {
  return CHANNEL_KINDS.some((kind) => kind === transform.kind);
}

/** Compiles, and keeps what has to be freed. */
export interface Preparing {
  readonly gpu: Gpu;
  prepare(dispatch: Dispatch): PreparedDispatch;
  uniform(words: number): GPUBuffer;
}

export function preparing(gpu: Gpu): Preparing & { readonly prepared: PreparedDispatch[]; release(): void } {
  const prepared: PreparedDispatch[] = [];
  const uniforms: GPUBuffer[] = [];
  return {
    gpu,
    prepared,
    prepare(dispatch) {
      const ready = prepare(gpu, dispatch);
      prepared.push(ready);
      return ready;
    },
    uniform(words) {
      const buffer = uniformBuffer(gpu, new Uint32Array(words), 'augmentation');
      uniforms.push(buffer);
      return buffer;
    },
    release() {
      for (const { ownUniform } of prepared) ownUniform?.destroy();
      for (const buffer of uniforms) buffer.destroy();
    },
  };
}

/** One channel of the image while it is augmented. */
export interface ChannelKernels {
  /** Which of its two planes holds it. */
  readonly current: 0 | 1;
  /** A new image lies in plane 0. */
  begin(): void;
  /** What to submit for this transform, for some transforms nothing; the image may lie in the other plane afterwards. */
  apply(transform: ChannelTransform): readonly PreparedDispatch[];
}

export function channelKernels(
  ready: Preparing,
  arrays: AugmenterArrays,
  shape: Zyx,
  channel: number,
): ChannelKernels {
  const { queue } = ready.gpu.device;
  const voxels = planeLength({ shape });
  const uniforms: ChannelUniforms = {
    intensity: ready.uniform(INTENSITY_WORDS),
    blurs: shape.map(() => ready.uniform(BLUR_AXIS_WORDS)),
    flip: ready.uniform(FEED_WORDS),
    rectangles: ready.uniform(RECTANGLES_WORDS),
    sharpen: ready.uniform(SHARPEN_WORDS),
  };
  const table = arrays.tables[channel];
  const kernels = [0, 1].map((current) => {
    const x = arrays.planes[channel][current];
    const y = arrays.planes[channel][1 - current];
    return planeKernels(ready, arrays, { x, y, shape, table, uniforms });
  });
  const write = (uniform: GPUBuffer, words: Uint32Array) =>
    queue.writeBuffer(uniform, 0, words as GPUAllowSharedBufferSource);
  const writeNumbers = (numbers: Omit<IntensityNumbers, 'voxels'>) =>
    write(uniforms.intensity, intensityUniform({ voxels, ...numbers }));
  const writeTable = (data: Uint32Array | Float32Array) =>
    queue.writeBuffer(table.buffer, table.offset, data as GPUAllowSharedBufferSource);
  const writeLocal = (kernel: LocalKernel, factor: number, epsilon = 0) => {
    const { axes, lowest } = localKernelAxes(kernel, shape);
    writeTable(Float32Array.of(...axes.flatMap((axis) => [...axis])));
    writeNumbers({ factor, lowest, shape, epsilon });
  };

  let current: 0 | 1 = 0;
  const changePlane = () => {
    current = current === 0 ? 1 : 0;
  };
  const blur = (sigmas: readonly number[]) =>
    sigmas.flatMap((sigma, axis) => {
      if (sigma === 0) return [];
      write(uniforms.blurs[axis], blurAxisUniform(shape, axis, blurKernel(sigma)));
      const step = kernels[current].blur[axis];
      changePlane();
      return [step];
    });

  return {
    get current() {
      return current;
    },
    begin() {
      current = 0;
    },
    apply(transform) {
      const now = kernels[current];
      switch (transform.kind) {
        case 'gaussianNoise':
          writeNumbers({
            factor: transform.sigma,
            key: mixBits(transform.seed),
            firstElement: channel * voxels,
          });
          return [now.addNoise];
        case 'gaussianBlur':
          return blur(transform.sigmas[channel] ?? []);
        case 'brightness': {
          const factor = transform.factors[channel];
          if (factor === undefined) return [];
          writeNumbers({ factor });
          return [now.scale];
        }
        case 'contrast': {
          const factor = transform.factors[channel];
          if (factor === undefined) return [];
          writeNumbers({ factor, keeps: transform.preserveRange });
          return [...now.before, now.contrast];
        }
        case 'simulateLowResolution': {
          const scales = transform.scales[channel];
          if (!scales) return [];
          const axes = scales.map((scale, axis) => lowResolutionAxis(shape[axis], scale));
          writeTable(lowResolutionTable(axes));
          changePlane();
          return [now.lowResolution];
        }
        case 'gamma': {
          const factor = transform.gammas[channel];
          if (factor === undefined) return [];
          const { retainStats: keeps, invertImage } = transform;
          writeNumbers({ factor, keeps, sign: invertImage ? -1 : 1, epsilon: GAMMA_EPSILON });
          return [...now.before, now.gammaPower, ...now.after, now.gammaFinish];
        }
        case 'additiveBrightness': {
          const factor = transform.shifts[channel];
          if (factor === undefined) return [];
          writeNumbers({ factor });
          return [now.shift];
        }
        case 'mirror':
          if (transform.axes.length === 0) return [];
          write(uniforms.flip, flipUniform(arrays.planes[channel][0], shape, transform.axes));
          changePlane();
          return [now.flip];
        case 'blankRectangle':
          write(uniforms.rectangles, rectanglesUniform(shape, transform.rectangles[channel] ?? []));
          return [now.flatten];
        case 'brightnessGradient': {
          const gradient = transform.gradients[channel];
          if (!gradient) return [];
          writeLocal(gradient.kernel, gradient.strength);
          return [now.addGradient];
        }
        case 'localGamma': {
          const local = transform.gammas[channel];
          if (!local) return [];
          writeLocal(local.kernel, local.gamma, LOCAL_GAMMA_EPSILON);
          return [...now.before, now.localGamma];
        }
        case 'sharpening': {
          const strength = transform.strengths[channel];
          if (strength === undefined) return [];
          write(uniforms.sharpen, sharpenUniform(shape, strength));
          changePlane();
          return [now.sharpen];
        }
        default:
          return transform satisfies never;
      }
    },
  };
}

/** A whole plane, flipped; labels have no part in it. */
function flipUniform(plane: GpuArray, shape: Zyx, flippedAxes: readonly number[]): Uint32Array {
  return feedUniform(plane, { shape, start: 0, flippedAxes, isMasked: false });
}

/** Of one channel, whichever plane holds it. */
interface ChannelUniforms {
  readonly intensity: GPUBuffer;
  readonly blurs: readonly GPUBuffer[];
  readonly flip: GPUBuffer;
  readonly rectangles: GPUBuffer;
  readonly sharpen: GPUBuffer;
}

interface PlaneBindings {
  readonly x: GpuArray;
  readonly y: GpuArray;
  readonly shape: Zyx;
  readonly table: GpuArray;
  readonly uniforms: ChannelUniforms;
}

/** Kernels that work on `x` in place, or make `y` of it. */
function planeKernels(ready: Preparing, arrays: AugmenterArrays, bound: PlaneBindings) {
  const { x, y, shape, table, uniforms } = bound;
  const { limits } = ready.gpu;
  const { statistics, partials } = arrays;
  const labels = { ...arrays.labels, size: x.size };
  const kernelAxes: GpuArray = { ...table, dtype: 'f32' };
  const inPlace = (entryPoint: IntensityEntryPoint) => {
    const uniform = uniforms.intensity;
    return ready.prepare(intensityKernel({ limits, entryPoint, plane: x, statistics, kernelAxes, uniform }));
  };
  const statisticsInto = (slot: 0 | 1) =>
    planeStatistics({ plane: x, partials, statistics, slot }).map(ready.prepare);
  const flip = { limits, shape, start: 0, plane: x, labels, fed: y, uniform: uniforms.flip };
  return {
    addNoise: inPlace('addNoise'),
    scale: inPlace('scale'),
    shift: inPlace('shift'),
    contrast: inPlace('contrast'),
    gammaPower: inPlace('gammaPower'),
    gammaFinish: inPlace('gammaFinish'),
    addGradient: inPlace('addGradient'),
    localGamma: inPlace('localGamma'),
    before: statisticsInto(0),
    after: statisticsInto(1),
    flatten: ready.prepare(flattenRectangles({ plane: x, uniform: uniforms.rectangles })),
    blur: uniforms.blurs.map((uniform) => ready.prepare(blurAxis({ limits, x, y, uniform }))),
    lowResolution: ready.prepare(lowResolution({ limits, shape, x, table, y })),
    flip: ready.prepare(feedChannel(flip)),
    sharpen: ready.prepare(sharpen({ limits, x, y, uniform: uniforms.sharpen })),
  };
}
