// The built studio over HTTP: its files with their types and the security headers. What `nnstudio studio`, `npm start` and
// the journeys serve.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { SECURITY_HEADERS } from '../../../securityHeaders';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.gz': 'application/gzip',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
  '.zip': 'application/zip',
};

/** Answers one request. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Serves the files below `folder`, and no others. Every response carries the security headers. */
export function studioFiles(folder: string): RequestHandler {
  const root = path.resolve(folder);
  return async (request, response) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    const { method = 'GET' } = request;
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return refuse(response, 405, 'Only GET and HEAD are answered here.');
    }
    const location = locationOf(root, request.url ?? '/');
    const facts = location === undefined ? undefined : await stat(location).catch(() => undefined);
    if (location === undefined || !facts?.isFile()) return refuse(response, 404, 'There is no such file.');
    const version = `W/"${facts.size}-${Math.trunc(facts.mtimeMs)}"`;
    response.setHeader('ETag', version);
    response.setHeader('Cache-Control', 'no-cache');
    if (request.headers['if-none-match'] === version) {
      response.writeHead(304).end();
      return;
    }
    response.setHeader('Content-Type', TYPES[path.extname(location)] ?? 'application/octet-stream');
    response.setHeader('Content-Length', facts.size);
    response.writeHead(200);
    if (method === 'HEAD') response.end();
    else {
      createReadStream(location)
        .on('error', () => response.destroy())
        .pipe(response);
    }
  };
}

/** The file that an address means; `undefined` where that is none below `root`. */
function locationOf(root: string, address: string): string | undefined {
  try {
    const { pathname } = new URL(address, 'http://localhost');
    const below = decodeURIComponent(pathname);
    const location = path.join(root, below.endsWith('/') ? `${below}index.html` : below);
    const isBelow = location.startsWith(root + path.sep) && !below.includes('\0');
    return isBelow ? location : undefined;
  } catch {
    return undefined; // not an address
  }
}

function refuse(response: ServerResponse, status: number, why: string): void {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.writeHead(status).end(`${why}\n`);
}
