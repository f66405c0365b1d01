import type { GivenFile } from '@/workers/files/api';

/** What every place is given; each takes what it needs. */
export interface PlaceProps {
  /** The second part of the address: a case, a dataset, a run, … */
  readonly item: string | undefined;
  /** Of the item: the third part of the address. */
  readonly part: string | undefined;
  /** Takes files, whatever they are, and moves to where they are shown. */
  readonly onFiles: (files: readonly GivenFile[]) => Promise<void>;
  /** Opens files as images, whatever else they might be. */
  readonly onImages: (files: readonly GivenFile[]) => void;
}
