import { describe, expect, test } from 'vitest';
import { failureOf, highestNumber, recordList, withFailure, workQueue } from '@/app/recordQueue';
import { StudioError } from '@/shared/errors';
import { MemoryRecords } from '../storage/memoryRecords';

interface Note {
  readonly id: string;
  readonly text: string;
}

function notes() {
  let items: readonly Note[] = [];
  const records = new MemoryRecords();
  const list = recordList<Note>({
    records,
    shown: () => items,
    show: (all) => {
      items = all;
    },
    compare: (a, b) => (a.id < b.id ? -1 : 1),
  });
  return {
    records,
    list,
    shown: () => items,
    show: (all: readonly Note[]) => {
      items = all;
    },
  };
}

describe('a list of records', () => {
  test('shows and keeps a change; one that is only shown is read as it was', async () => {
    const { list, shown, show, records } = notes();
    show([{ id: 'note-1', text: 'a' }]);
    await list.save({ id: 'note-1', text: 'b' });
    expect(shown()).toEqual([{ id: 'note-1', text: 'b' }]);
    await list.change('note-1', { text: 'c' }, false);
    expect(list.find('note-1')?.text).toBe('c');
    expect(await list.read()).toEqual([{ id: 'note-1', text: 'b' }]);
    await list.change('note-9', { text: 'nobody has it' });
    expect(await records.keys()).toEqual(['note-1']);
  });

  test('read again, the one that this tab works on stays as it is here', async () => {
    const { list, show, records } = notes();
    show([
      { id: 'note-1', text: 'here' },
      { id: 'note-2', text: 'here' },
    ]);
    for (const id of ['note-2', 'note-1']) await records.set(id, { id, text: 'of another tab' });
    expect((await list.readBut(() => 'note-2')).map(({ text }) => text)).toEqual(['of another tab', 'here']);
  });

  test('what is removed is neither shown nor kept', async () => {
    const { list, shown, show, records } = notes();
    show([{ id: 'note-1', text: 'a' }]);
    await list.save(...shown());
    await list.remove('note-1');
    expect([shown(), await records.keys()]).toEqual([[], []]);
  });

  test('numbers of ids go on after the highest', async () => {
    const records = new MemoryRecords();
    expect(await highestNumber(records)).toBe(0);
    for (const id of ['run-9', 'run-10']) await records.set(id, {});
    expect(await highestNumber(records)).toBe(10);
  });
});

describe('a queue', () => {
  function queueOf(waiting: string[], run: (task: string) => Promise<void>) {
    const turns: string[] = [];
    const queue = workQueue({
      exclusively: async (work) => {
        turns.push('begin');
        await work();
        turns.push('end');
      },
      next: () => waiting.at(0),
      run: async (task) => {
        waiting.shift();
        await run(task);
      },
    });
    return { queue, turns };
  }

  test('works through what waits in one turn, however often it is started', async () => {
    const done: string[] = [];
    const { queue, turns } = queueOf(['a', 'b'], async (task) => void done.push(task));
    queue.start();
    queue.start();
    expect(queue.isWorking()).toBe(true);
    await queue.idle();
    expect(done).toEqual(['a', 'b']);
    expect(turns).toEqual(['begin', 'end']);
    expect(queue.isWorking()).toBe(false);
  });

  test('what is added while the turn ends has a turn of its own', async () => {
    const waiting = ['a'];
    const done: string[] = [];
    let turns = 0;
    const queue = workQueue({
      exclusively: async (work) => {
        await work();
        if (++turns === 1) waiting.push('late');
      },
      next: () => waiting.at(0),
      run: async (task) => {
        done.push(task);
        waiting.shift();
      },
    });
    queue.start();
    await queue.idle();
    expect(done).toEqual(['a', 'late']);
    expect(turns).toBe(2);
  });
});

test('failures are told by name, set and taken out by key', () => {
  const failure = failureOf(new StudioError('NoPlans', 'There are none.', 'Plan first.'));
  expect(failure).toEqual({ name: 'NoPlans', message: 'There are none. Plan first.' });
  expect(failureOf('odd').name).toBe('Error');
  const one = withFailure({}, 'a', failure);
  expect(withFailure(one, 'b', failure)).toEqual({ a: failure, b: failure });
  expect(withFailure(one, 'a', undefined)).toEqual({});
});
