import { expect } from 'vitest';
import { type TuningStore, tune } from '@/gpu/tuner';
import type { Conv3dShape } from '@/kernels/conv3dShape';
import { tuneConv3d } from '@/kernels/conv3dTuning';
import { test } from '../support/gpu';

function memoryStore(): TuningStore & { readonly entries: Map<string, string> } {
  const entries = new Map<string, string>();
  return {
    entries,
    get: async (key) => entries.get(key),
    set: async (key, value) => {
      entries.set(key, value);
    },
  };
}

/** A shader that takes longer the more rounds it does. */
function spin(rounds: number) {
  return {
    label: 'spin',
    source: `
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  var value = f32(id.x);
  for (var i = 0; i < ${rounds}; i++) { value = sin(value) + 1.0; }
  if (value > 5.0) { sink = value; }
}
var<workgroup> sink: f32;`,
    entryPoint: 'main',
    bindings: [],
    workgroups: [64, 1, 1] as const,
  };
}

const CANDIDATES = [
  { name: 'slow', rounds: 20_000 },
  { name: 'fast', rounds: 10 },
];

test('chooses the fastest candidate, remembers it and does not measure again', async ({ gpu }) => {
  const store = memoryStore();
  let launches = 0;
  const task = {
    key: 'spin 1',
    candidates: CANDIDATES,
    launch: async ({ rounds }: { rounds: number }) => {
      launches++;
      return { dispatches: [spin(rounds)], free: () => undefined };
    },
  };
  expect((await tune(gpu, task, store, 60_000)).name).toBe('fast');
  expect(launches).toBe(2);
  expect([...store.entries.values()]).toEqual(['fast']);
  expect((await tune(gpu, task, store, 60_000)).name).toBe('fast');
  expect(launches).toBe(2);
});

test('stops when its time is spent, and remembers nothing then', async ({ gpu }) => {
  const store = memoryStore();
  const task = {
    key: 'spin 1',
    candidates: CANDIDATES,
    launch: async ({ rounds }: { rounds: number }) => ({ dispatches: [spin(rounds)], free: () => undefined }),
  };
  expect((await tune(gpu, task, store, 0)).name).toBe('slow');
  expect(store.entries.size).toBe(0);
});

test('convolutions of one class share a measured kernel', async ({ gpu }) => {
  const shape: Conv3dShape = {
    batch: 1,
    inChannels: 4,
    outChannels: 8,
    inputSize: [4, 6, 8],
    kernelSize: [1, 1, 1],
    stride: [1, 1, 1],
  };
  const store = memoryStore();
  const choose = await tuneConv3d(gpu, [shape], store, 60_000);
  const kernel = choose(shape);
  expect([...store.entries.values()]).toEqual([kernel?.name]);
  expect(choose({ ...shape, batch: 1, inChannels: 5 })).toBe(kernel);
  expect(choose({ ...shape, outChannels: 64 })).toBeUndefined();
});
