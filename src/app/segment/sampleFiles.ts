import { StudioError } from '@/shared/errors';
import type { GivenFile } from '@/workers/files/api';

/** The shipped case and model, next to the page. */
const SAMPLE_FILES = ['phantom_0000.nii.gz', 'phantom-model.zip'] as const;

/**
 * Fetches the sample while the page loads, so that showing it later asks for nothing. `undefined` where the page was
 * built without it. Throws `PartNotLoaded` where the network does not answer.
 */
export async function prefetchSample(): Promise<readonly GivenFile[] | undefined> {
  const files = await Promise.all(SAMPLE_FILES.map(fetchFile));
  const found = files.filter((file) => file !== undefined);
  return found.length === files.length ? found : undefined;
}

async function fetchFile(path: string): Promise<GivenFile | undefined> {
  const address = new URL(`sample/${path}`, document.baseURI);
  try {
    const response = await fetch(address);
    const isPage = response.headers.get('content-type')?.startsWith('text/html'); // hosts that answer everything
    return response.ok && !isPage ? { path, content: await response.blob() } : undefined;
  } catch (error) {
    throw new StudioError(
      'PartNotLoaded',
      'The sample could not be fetched: the network does not answer.',
      'Connect to it and reload the page; your own images and models open without it.',
      { cause: error },
    );
  }
}
