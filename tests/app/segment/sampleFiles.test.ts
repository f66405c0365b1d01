import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { prefetchSample } from '@/app/segment/sampleFiles';

beforeEach(() => vi.stubGlobal('document', { baseURI: 'http://studio.test/' }));
afterEach(() => vi.unstubAllGlobals());

const answering = (answer: () => Promise<Response>) => vi.stubGlobal('fetch', answer);

test('the sample is there, was not built, or could not be fetched, and which it is is told apart', async () => {
  answering(async () => new Response('bytes'));
  expect((await prefetchSample())?.map(({ path }) => path)).toEqual([
    'phantom_0000.nii.gz',
    'phantom-model.zip',
  ]);
  answering(async () => new Response('no', { status: 404 }));
  expect(await prefetchSample()).toBeUndefined();
  answering(async () => new Response('<html>', { headers: { 'content-type': 'text/html' } }));
  expect(await prefetchSample()).toBeUndefined();
  answering(() => Promise.reject(new TypeError('Failed to fetch')));
  await expect(prefetchSample()).rejects.toThrow(
    'The sample could not be fetched: the network does not answer. Connect to it and reload the page',
  );
});
