import { foldGrid } from '@/gpu/dispatch';
import type { KernelLimits } from '../ranges';

/** As in the shaders of this folder. */
const WORKGROUP_SIZE = 64;

/** Workgroups for one thread per element. */
export function threadGrid(limits: KernelLimits, threads: number): [number, number, number] {
  return [...foldGrid({ limits }, Math.ceil(threads / WORKGROUP_SIZE)), 1];
}

/** Numbers of both kinds in one uniform block, in words; `at` says where each part begins. */
export function uniformWords(
  length: number,
  parts: readonly {
    readonly at: number;
    readonly words?: readonly number[];
    readonly floats?: readonly number[];
  }[],
): Uint32Array {
  const block = new Uint32Array(length);
  const floatView = new Float32Array(block.buffer);
  for (const { at, words, floats } of parts) {
    if (words) block.set(words, at);
    if (floats) floatView.set(floats, at);
  }
  return block;
}
