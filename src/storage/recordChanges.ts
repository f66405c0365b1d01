// Tells of changed records among the tabs and workers of the studio in this browser.

/** Databases whose changes a person can see. */
export const FOLLOWED_DATABASES = [
  'nnstudio-models',
  'nnstudio-cases',
  'nnstudio-plans',
  'nnstudio-datasets',
  'nnstudio-trainings',
  'nnstudio-evaluations',
  'nnstudio-choices',
] as const;

export type FollowedDatabase = (typeof FOLLOWED_DATABASES)[number];

let opened: BroadcastChannel | undefined;

/** One for sending and receiving: a channel does not hear itself. */
function channel(): BroadcastChannel {
  opened ??= new BroadcastChannel('nnstudio-records');
  return opened;
}

/** To be called after records of a database were written or removed. */
export function tellOfChange(database: string): void {
  if (isFollowed(database)) channel().postMessage(database);
}

function isFollowed(database: unknown): database is FollowedDatabase {
  return FOLLOWED_DATABASES.some((one) => one === database);
}

/** Calls the database's `refresh` when another tab or a worker has changed it; changes in the meantime are one. */
export function followChanges(refresh: Readonly<Record<FollowedDatabase, () => Promise<void>>>): void {
  const underWay = new Map<FollowedDatabase, 'once' | 'again'>();
  const run = async (database: FollowedDatabase) => {
    do {
      underWay.set(database, 'once');
      await refresh[database]();
    } while (underWay.get(database) === 'again');
    underWay.delete(database);
  };
  channel().addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (!isFollowed(data)) return;
    if (underWay.has(data)) underWay.set(data, 'again');
    else void run(data).catch(() => underWay.delete(data)); // the next change tries again
  });
}
