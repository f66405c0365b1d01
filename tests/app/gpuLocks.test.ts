import { describe, expect, test } from 'vitest';
import { gpuLocks } from '@/app/gpuLocks';
import { memoryLocks } from '../support/memoryLocks';

/** Work that notes its begin and goes on until it is let end. */
function setUp() {
  const locks = gpuLocks(memoryLocks());
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string) => () =>
    new Promise<void>((resolve) => {
      begun.push(name);
      ends.set(name, resolve);
    });
  const settle = () => new Promise((resolve) => setTimeout(resolve));
  const end = async (name: string) => {
    ends.get(name)?.();
    await settle();
  };
  return { locks, begun, work, settle, end };
}

const NEVER = new AbortController().signal;

describe('locks of the GPU', () => {
  test('a benchmark waits for a training, then for cases, and says which', async () => {
    const { locks, begun, work, settle, end } = setUp();
    const waits: string[] = [];
    const measure = () => locks.whileMeasuring(work('benchmark'), NEVER, (use) => waits.push(use));
    const done = [locks.whileTraining(work('training')), measure()];
    await settle();
    done.push(locks.whileSegmenting(work('case')));
    await settle();
    expect(begun).toEqual(['training', 'case']);
    expect(waits).toEqual(['training']);
    await end('training');
    expect(waits).toEqual(['training', 'segmenting']);
    expect(begun).toEqual(['training', 'case']);
    await end('case');
    expect(begun).toEqual(['training', 'case', 'benchmark']);
    await end('benchmark');
    await Promise.all(done);
  });

  test('a training and a case begin when the benchmark is done', async () => {
    const { locks, begun, work, settle, end } = setUp();
    const done = [locks.whileMeasuring(work('benchmark'), NEVER, () => undefined)];
    await settle();
    done.push(locks.whileTraining(work('training')), locks.whileSegmenting(work('case')));
    await settle();
    expect(begun).toEqual(['benchmark']);
    await end('benchmark');
    expect(begun.toSorted()).toEqual(['benchmark', 'case', 'training']);
    await end('training');
    await end('case');
    await Promise.all(done);
  });

  test('a benchmark that is cancelled while it waits holds up nobody', async () => {
    const { locks, begun, work, settle, end } = setUp();
    const waiting = new AbortController();
    const training = locks.whileTraining(work('training'));
    const benchmark = locks.whileMeasuring(work('benchmark'), waiting.signal, () => undefined);
    await settle();
    const next = locks.whileTraining(work('next'));
    waiting.abort();
    await expect(benchmark).rejects.toHaveProperty('name', 'AbortError');
    await end('training');
    expect(begun).toEqual(['training', 'next']);
    await end('next');
    await Promise.all([training, next]);
  });

  test('who measures does not train', async () => {
    const { locks, work, settle, end } = setUp();
    expect(await locks.isSomebodyTraining()).toBe(false);
    const benchmark = locks.whileMeasuring(work('benchmark'), NEVER, () => undefined);
    await settle();
    expect(await locks.isSomebodyTraining()).toBe(false);
    await end('benchmark');
    const training = locks.whileTraining(work('training'));
    await settle();
    expect(await locks.isSomebodyTraining()).toBe(true);
    await end('training');
    await Promise.all([benchmark, training]);
  });
});
