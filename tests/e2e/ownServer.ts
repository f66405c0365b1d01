// A server of one journey's own, to be stopped in its middle.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { studioFiles } from '@/cli/studio/studioFiles';

export interface OwnServer {
  readonly address: string;
  /** Paths that were asked for. */
  readonly requests: readonly string[];
  /** From now on nobody answers. */
  stop(): Promise<void>;
}

/** Serves the built studio as a host does, but for paths that `isMissing` names. */
export async function serveStudio(isMissing: (path: string) => boolean = () => false): Promise<OwnServer> {
  const requests: string[] = [];
  const answer = studioFiles(path.resolve('dist/studio'));
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    requests.push(pathname);
    if (isMissing(pathname)) response.writeHead(404).end();
    else void answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://localhost:${port}/`,
    requests,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
