// Launchers of what batch norm does in training besides the norm's passes over the voxels (`normTraining`).

import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import source from './batchNorm.wgsl?raw';
import { instanceNormMoments, partitionPlane } from './instanceNorm';
import type { NormSizes } from './normTraining';
import controlStruct from './optimisers/control.wgsl?raw';

const WORKGROUP_SIZE = 64;
/** Binding of the uniform. */
const BINDINGS = 8;

/** `moments` `[c, 2]`: mean and biased variance of each channel of `x`; `scratch`: `normScratchSize` elements. */
export function batchMoments(
  args: NormSizes & { readonly x: GpuArray; readonly moments: GpuArray; readonly scratch: GpuArray },
): Dispatch[] {
  const { x, moments, scratch, channels } = args;
  return [
    ...instanceNormMoments({ ...args, values: x, partials: scratch }),
    launch(args, 'finishMoments', channels, { 0: scratch, 1: moments }),
  ];
}

/** What the running statistics are kept in; the arrays may share a buffer. */
export interface BatchNormArrays {
  /** `[c, 2]`. */
  readonly moments: GpuArray;
  /** `[c]`. */
  readonly mean: GpuArray;
  /** `[c]`. */
  readonly variance: GpuArray;
  /** The optimiser's control array, which says whether this is an evaluation. */
  readonly control: GpuArray;
}

/**
 * `statistics` `[n, c, 2]`: mean and `1/√(variance + eps)` for each sample, of the moments or, in evaluation, of the
 * running statistics.
 */
export function batchNormStatistics(
  args: NormSizes & BatchNormArrays & { readonly statistics: GpuArray; readonly eps: number },
): Dispatch {
  const { moments, mean, variance, control, statistics, eps } = args;
  const arrays = { 1: moments, 2: statistics, 4: mean, 5: variance, 7: control };
  return launch(args, 'statistics', groupsOf(args), arrays, { eps });
}

/** `means` `[n, c, 2]`: the mean of `sums` over the batch, for each sample. */
export function batchNormGradientMeans(
  args: NormSizes & { readonly sums: GpuArray; readonly means: GpuArray },
): Dispatch {
  return launch(args, 'gradientMeans', groupsOf(args), { 2: args.sums, 3: args.means });
}

/** In place: running `mean` and `variance`, and `batchCount`, `[1]`. Evaluation leaves them as they are. */
export function batchNormUpdate(
  args: NormSizes &
    BatchNormArrays & {
      readonly batchCount: GpuArray;
      /** Share of the batch. */
      readonly momentum: number;
    },
): Dispatch {
  const { moments, mean, variance, control, batchCount, momentum, channels } = args;
  const arrays = { 1: moments, 4: mean, 5: variance, 6: batchCount, 7: control };
  return launch(args, 'update', Math.ceil(channels / WORKGROUP_SIZE), arrays, { momentum });
}

/** Workgroups with a thread for each plane. */
function groupsOf({ batch, channels }: NormSizes): number {
  return Math.ceil((batch * channels) / WORKGROUP_SIZE);
}

function launch(
  { batch, channels, planeLength, limits }: NormSizes,
  entryPoint: string,
  workgroups: number,
  arrays: Readonly<Record<number, GpuArray>>,
  constants: Readonly<Record<string, number>> = {},
): Dispatch {
  return {
    label: `batchNorm.${entryPoint}`,
    source: controlStruct + source,
    entryPoint,
    constants: { workgroupSize: WORKGROUP_SIZE, ...constants },
    bindings: Array.from({ length: BINDINGS }, (_, binding) => arrays[binding]),
    uniform: Uint32Array.of(batch, channels, partitionPlane(planeLength).chunks, batch * planeLength),
    workgroups: [...foldGrid({ limits }, workgroups), 1],
  };
}
