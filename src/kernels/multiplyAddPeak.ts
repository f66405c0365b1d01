// Kernels that measure an adapter instead of computing anything: chains of multiply-adds that nothing holds up, and a
// copy. What a network's kernels reach is measured against these.

import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import type { FeatureDtype } from './storage';

const WORKGROUP_SIZE = 64;
/** Multiply-adds of each chain in one turn of the loop, so that counting turns costs next to nothing. */
const UNROLLED = 16;
const LANES = 4;

/** One way to keep an adapter's multiply-add units busy. */
export interface MultiplyAddVariant {
  /** What is multiplied and added. */
  readonly dtype: FeatureDtype;
  /** Independent vec4 chains of one thread: few fit the registers of a processor, many hide a GPU's latency. */
  readonly chains: number;
}

/** Chains worth trying; which is fastest depends on the adapter. */
export const MULTIPLY_ADD_CHAINS = [2, 4, 8] as const;

/**
 * Every thread runs `turns` turns of the loop and writes the sum of its chains, so that no compiler drops them.
 * `operands`: factor and summand, f32, read at run time for the same reason. `y`: one f32 per thread; its size is the
 * number of threads, a multiple of 64.
 */
export function multiplyAdd(
  { dtype, chains }: MultiplyAddVariant,
  operands: GpuArray,
  y: GpuArray,
  turns: number,
  limits: Pick<GPUSupportedLimits, 'maxComputeWorkgroupsPerDimension'>,
): Dispatch {
  return {
    label: `multiplyAdd ${dtype} × ${chains}`,
    source: multiplyAddSource(dtype, chains),
    entryPoint: 'multiplyAdd',
    bindings: [operands, y],
    uniform: Uint32Array.of(turns),
    workgroups: [...foldGrid({ limits }, y.size / WORKGROUP_SIZE), 1],
  };
}

/** Floating-point operations of {@link multiplyAdd}, two per multiply-add. */
export function multiplyAddFlop({ chains }: MultiplyAddVariant, threads: number, turns: number): number {
  return 2 * threads * turns * chains * UNROLLED * LANES;
}

function multiplyAddSource(dtype: FeatureDtype, chains: number): string {
  const names = Array.from({ length: chains }, (_, chain) => `a${chain}`);
  const start = names.map(
    (name, chain) => `  var ${name} = Vector(Scalar(lane) * Scalar(0.001) + Scalar(${chain}));`,
  );
  const round = names.map((name) => `    ${name} = fma(${name}, factor, summand);`).join('\n');
  return `${dtype === 'f16' ? 'enable f16;\n' : ''}
alias Scalar = ${dtype};
alias Vector = vec4<${dtype}>;

@group(0) @binding(0) var<storage, read> operands: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> turns: vec4u;

@compute @workgroup_size(${WORKGROUP_SIZE})
fn multiplyAdd(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * ${WORKGROUP_SIZE} + lane;
  if (i >= arrayLength(&y)) { return; }
  let factor = Vector(Scalar(operands[0]));
  let summand = Vector(Scalar(operands[1]));
${start.join('\n')}
  for (var turn = 0u; turn < turns.x; turn++) {
${Array.from({ length: UNROLLED }, () => round).join('\n')}
  }
  let sum = ${names.join(' + ')};
  y[i] = f32(sum.x + sum.y + sum.z + sum.w);
}
`;
}

/** `y = x`, four elements a thread; f32, of one size that is a multiple of 4. */
export function copyVectors(
  x: GpuArray,
  y: GpuArray,
  limits: Pick<GPUSupportedLimits, 'maxComputeWorkgroupsPerDimension'>,
): Dispatch {
  return {
    label: 'copyVectors',
    source: COPY_SOURCE,
    entryPoint: 'copyVectors',
    bindings: [x, y],
    workgroups: [...foldGrid({ limits }, Math.ceil(x.size / LANES / WORKGROUP_SIZE)), 1],
  };
}

const COPY_SOURCE = `
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(${WORKGROUP_SIZE})
fn copyVectors(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * ${WORKGROUP_SIZE} + lane;
  if (i >= arrayLength(&x)) { return; }
  y[i] = x[i];
}
`;
