import type { GivenFile } from '@/workers/files/api';

/** The shipped case and model, next to the page. */
const SAMPLE_FILES = ['phantom_0000.nii.gz', 'phantom-model.zip'] as const;

/**
 * Fetches the sample while the page loads, so that showing it later asks for nothing. `undefined` where the page was
 * built without it.
 */
export async function prefetchSample(): Promise<readonly GivenFile[] | undefined> {
  try {
    return await Promise.all(
      SAMPLE_FILES.map(async (path): Promise<GivenFile> => {
        const response = await fetch(new URL(`sample/${path}`, document.baseURI));
        const isPage = response.headers.get('content-type')?.startsWith('text/html'); // hosts that answer everything
        if (!response.ok || isPage) throw new Error(`${path}: ${response.status}`);
        return { path, content: await response.blob() };
      }),
    );
  } catch {
    return undefined;
  }
}
