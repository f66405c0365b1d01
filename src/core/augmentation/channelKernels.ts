// Everything that may be done to one channel on the device, compiled and bound before training begins. Per transform a
// function writes the uniforms and says what to submit; transforms that were not drawn cost nothing.

import { uniformBuffer } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type Dispatch, type GpuArray, type PreparedDispatch, prepare } from '@/gpu/dispatch';
import { BLUR_AXIS_WORDS, blurAxis, blurAxisUniform } from '@/kernels/augmentation/blurAxis';
import {
  INTENSITY_WORDS,
  type IntensityEntryPoint,
  type IntensityNumbers,
  intensityKernel,
  intensityUniform,
} from '@/kernels/augmentation/intensity';
import { lowResolution, lowResolutionTable } from '@/kernels/augmentation/lowResolution';
import { planeStatistics } from '@/kernels/augmentation/statistics';
import type { Zyx } from '@/shared/geometry';
import { mixBits } from '@/shared/random';
import type { AugmenterArrays } from './augmenterMemory';
import type { Transform } from './drawAugmentation';
import { GAMMA_EPSILON } from './gamma';
import { blurKernel } from './gaussianBlur';
import { planeLength } from './patch';
import { lowResolutionAxis } from './simulateLowResolution';

const INTENSITY_KINDS = [
  'gaussianNoise',
  'gaussianBlur',
  'brightness',
  'contrast',
  'simulateLowResolution',
  'gamma',
] as const;

/** Transforms of single channels of the image that there are kernels for. */
export type IntensityTransform = Extract<Transform, { readonly kind: (typeof INTENSITY_KINDS)[number] }>;

export function isIntensityTransform(transform: Transform): transform is IntensityTransform {
  return INTENSITY_KINDS.some((kind) => kind === transform.kind);
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
  apply(transform: IntensityTransform): readonly PreparedDispatch[];
}

export function channelKernels(
  ready: Preparing,
  arrays: AugmenterArrays,
  shape: Zyx,
  channel: number,
): ChannelKernels {
  const { queue } = ready.gpu.device;
  const voxels = planeLength({ shape });
  const intensity = ready.uniform(INTENSITY_WORDS);
  const blurs = shape.map(() => ready.uniform(BLUR_AXIS_WORDS));
  const table = arrays.tables[channel];
  const kernels = [0, 1].map((current) => {
    const x = arrays.planes[channel][current];
    const y = arrays.planes[channel][1 - current];
    return planeKernels(ready, arrays, { x, y, shape, intensity, blurs, table });
  });
  const writeNumbers = (numbers: Omit<IntensityNumbers, 'voxels'>) =>
    queue.writeBuffer(intensity, 0, intensityUniform({ voxels, ...numbers }));

  let current: 0 | 1 = 0;
  const changePlane = () => {
    current = current === 0 ? 1 : 0;
  };
  const blur = (sigmas: readonly number[]) =>
    sigmas.flatMap((sigma, axis) => {
      if (sigma === 0) return [];
      queue.writeBuffer(blurs[axis], 0, blurAxisUniform(shape, axis, blurKernel(sigma)));
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
          queue.writeBuffer(
            table.buffer,
            table.offset,
            lowResolutionTable(axes) as GPUAllowSharedBufferSource,
          );
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
        default:
          return transform satisfies never;
      }
    },
  };
}

interface PlaneBindings {
  readonly x: GpuArray;
  readonly y: GpuArray;
  readonly shape: Zyx;
  readonly intensity: GPUBuffer;
  readonly blurs: readonly GPUBuffer[];
  readonly table: GpuArray;
}

/** Kernels that work on `x` in place, or make `y` of it. */
function planeKernels(ready: Preparing, arrays: AugmenterArrays, bound: PlaneBindings) {
  const { x, y, shape, intensity, blurs, table } = bound;
  const { limits } = ready.gpu;
  const { statistics, partials } = arrays;
  const inPlace = (entryPoint: IntensityEntryPoint) =>
    ready.prepare(intensityKernel({ limits, entryPoint, plane: x, statistics, uniform: intensity }));
  const statisticsInto = (slot: 0 | 1) =>
    planeStatistics({ plane: x, partials, statistics, slot }).map(ready.prepare);
  return {
    addNoise: inPlace('addNoise'),
    scale: inPlace('scale'),
    contrast: inPlace('contrast'),
    gammaPower: inPlace('gammaPower'),
    gammaFinish: inPlace('gammaFinish'),
    before: statisticsInto(0),
    after: statisticsInto(1),
    blur: blurs.map((uniform) => ready.prepare(blurAxis({ limits, x, y, uniform }))),
    lowResolution: ready.prepare(lowResolution({ limits, shape, x, table, y })),
  };
}
