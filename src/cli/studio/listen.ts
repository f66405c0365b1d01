import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StudioError } from '@/shared/errors';

/** How many ports are tried from the first on. */
const PORTS_TRIED = 20;

/**
 * Makes the server listen on this machine alone, on the first free port from `port` on; 0 is any. Returns the port. Throws
 * `NoPort` where there is none, or where the system gives none to this user.
 */
export async function listenFrom(server: Server, port: number): Promise<number> {
  const last = port === 0 ? 0 : Math.min(port + PORTS_TRIED - 1, 65_535);
  for (let tried = port; tried <= last; tried++) {
    const failure = await tryPort(server, tried);
    // An address of a server that listens is an object.
    if (failure === undefined) return (server.address() as AddressInfo).port;
    if (failure === 'EADDRINUSE') continue;
    throw new StudioError(
      'NoPort',
      failure === 'EACCES'
        ? `Port ${tried} is reserved: the system does not give it to this user.`
        : `Port ${tried} cannot be opened (${failure}).`,
      'Choose another with --port, for example --port 4173.',
    );
  }
  throw new StudioError(
    'NoPort',
    `Ports ${port} to ${last} are all in use.`,
    'Choose another with --port, or --port 0 for any that is free.',
  );
}

/** The code of the system's error; `undefined` once the server listens. */
function tryPort(server: Server, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const onError = (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message);
    server.once('error', onError);
    server.listen(port, 'localhost', () => {
      server.removeListener('error', onError);
      resolve(undefined);
    });
  });
}
