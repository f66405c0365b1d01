import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { listenFrom } from '@/cli/studio/listen';
import { canShowBrowser } from '@/cli/studio/openBrowser';
import { studioFiles } from '@/cli/studio/studioFiles';
import { SECURITY_HEADERS } from '../../securityHeaders';

const root = mkdtempSync(path.join(tmpdir(), 'nnstudio-served-'));
const folder = path.join(root, 'studio');
let server: Server;
let address = '';

beforeAll(async () => {
  mkdirSync(path.join(folder, 'assets'), { recursive: true });
  writeFileSync(path.join(folder, 'index.html'), '<!doctype html>');
  writeFileSync(path.join(folder, 'assets/a b.wasm'), 'wasm');
  writeFileSync(path.join(folder, 'case_0000.nii.gz'), 'image');
  writeFileSync(path.join(root, 'secret.txt'), 'outside');
  const answer = studioFiles(folder);
  server = createServer((request, response) => void answer(request, response));
  address = `http://localhost:${await listenFrom(server, 0)}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(root, { recursive: true, force: true });
});

describe('the server of the studio', () => {
  test.each([
    ['/', 'text/html; charset=utf-8'],
    ['/?from=bookmark', 'text/html; charset=utf-8'],
    ['/assets/a%20b.wasm', 'application/wasm'],
    ['/case_0000.nii.gz', 'application/gzip'],
  ])('%s has its type and the security headers', async (name, type) => {
    const response = await fetch(address + name);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(type);
    expect(response.headers.get('content-encoding')).toBeNull();
    expect(Object.fromEntries(response.headers)).toMatchObject(lowerCased(SECURITY_HEADERS));
  });

  // `fetch` would resolve the dots itself where they are not encoded.
  test.each(['/%2e%2e%2fsecret.txt', '/..%5csecret.txt', '/assets', '/missing.js', '/%ff', '/a%00.html'])(
    '%s is no file of it, and the headers are there too',
    async (name) => {
      const response = await fetch(address + name);
      expect(response.status).toBe(404);
      expect(await response.text()).not.toContain('outside');
      expect(Object.fromEntries(response.headers)).toMatchObject(lowerCased(SECURITY_HEADERS));
    },
  );

  test('a file that has not changed is not sent again', async () => {
    const first = await fetch(`${address}/index.html`);
    const again = await fetch(`${address}/index.html`, {
      headers: { 'If-None-Match': first.headers.get('etag') ?? '' },
    });
    expect(again.status).toBe(304);
    writeFileSync(path.join(folder, 'index.html'), '<!doctype html><title>longer</title>');
    const changed = await fetch(`${address}/index.html`, {
      headers: { 'If-None-Match': first.headers.get('etag') ?? '' },
    });
    expect(await changed.text()).toContain('longer');
  });

  test('HEAD tells the size, and nothing else than reading is answered', async () => {
    const head = await fetch(`${address}/case_0000.nii.gz`, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe('5');
    expect(await head.text()).toBe('');
    expect((await fetch(address, { method: 'POST', body: 'x' })).status).toBe(405);
  });
});

describe('listenFrom', () => {
  const others: Server[] = [];
  afterEach(() => {
    for (const each of others.splice(0)) each.close();
  });
  const another = () => {
    others.push(createServer());
    return others[others.length - 1];
  };

  test('takes the next port where one is in use', async () => {
    const { port } = server.address() as AddressInfo;
    expect(await listenFrom(another(), port)).toBeGreaterThan(port);
  });

  test('says so where no port is left', async () => {
    const occupied = another();
    await new Promise<void>((resolve) =>
      occupied.once('error', () => resolve()).listen(65_535, 'localhost', resolve),
    );
    await expect(listenFrom(another(), 65_535)).rejects.toThrow(/in use.*--port/);
  });
});

test('a browser is opened where there is a screen to show it on', () => {
  expect(canShowBrowser({}, 'darwin')).toBe(true);
  expect(canShowBrowser({}, 'win32')).toBe(true);
  expect(canShowBrowser({}, 'linux')).toBe(false);
  expect(canShowBrowser({ WAYLAND_DISPLAY: 'wayland-0' }, 'linux')).toBe(true);
  expect(canShowBrowser({ DISPLAY: ':0', CI: 'true' }, 'linux')).toBe(false);
});

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
