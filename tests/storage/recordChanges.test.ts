import { expect, onTestFinished, test } from 'vitest';
import {
  FOLLOWED_DATABASES,
  type FollowedDatabase,
  followChanges,
  tellOfChange,
} from '@/storage/recordChanges';

test('a change that another tab tells of is read, once for all changes meanwhile; own ones are not', async () => {
  const other = new BroadcastChannel('nnstudio-records');
  onTestFinished(() => other.close());
  const read: string[] = [];
  let finish: () => void = () => undefined;
  let reads = 0;
  const [begun, over] = [deferred(), deferred()];
  const refresh = (database: FollowedDatabase) => async () => {
    read.push(database);
    if (database === 'nnstudio-plans') over.resolve();
    if (database !== 'nnstudio-cases') return;
    begun.resolve();
    if (reads++ === 0) await new Promise<void>((resolve) => (finish = resolve));
  };
  const refreshers = Object.fromEntries(FOLLOWED_DATABASES.map((one) => [one, refresh(one)]));
  followChanges(refreshers as Record<FollowedDatabase, () => Promise<void>>);

  const heard = new Promise((resolve) =>
    other.addEventListener('message', ({ data }) => resolve(data), { once: true }),
  );
  tellOfChange('nnstudio-weights'); // nobody sees these
  tellOfChange('nnstudio-models');
  expect(await heard).toBe('nnstudio-models');
  for (const change of ['nnstudio-cases', 'nnstudio-cases', 'nnstudio-cases']) other.postMessage(change);
  await begun.promise;
  other.postMessage('nnstudio-plans'); // behind the others
  await over.promise;
  finish();
  await expect.poll(() => read).toEqual(['nnstudio-cases', 'nnstudio-plans', 'nnstudio-cases']);
});

function deferred() {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve: () => resolve() };
}
