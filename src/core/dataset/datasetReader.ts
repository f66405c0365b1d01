// Which reader a dataset's files go through, by nnU-Net's rule.
import type { MedicalImage } from '@/core/io/medicalImage';
import { readCase } from '@/core/io/readers';
import type { SourceFile } from '@/core/io/sourceFile';
import { messageOf, StudioError } from '@/shared/errors';

/** One of nnU-Net's readers. */
export interface DatasetReader {
  /** nnU-Net's class name, as plans have it. */
  readonly name: string;
  read(files: readonly SourceFile[]): Promise<MedicalImage>;
}

/** nnU-Net's readers in the order in which it tries them, with the endings they are tried for. */
const AUTOMATIC: readonly { readonly name: string; readonly endings: readonly string[] }[] = [
  { name: 'SimpleITKIO', endings: ['.nii.gz'] },
  { name: 'NibabelIO', endings: ['.nii', '.nii.gz'] },
  { name: 'NibabelIOWithReorient', endings: ['.nii', '.nii.gz'] },
];

const BY_REQUEST: readonly string[] = [...AUTOMATIC.map(({ name }) => name), 'SimpleITKIOWithReorient'];

/** All of nnU-Net's automatic readers, those whose files cannot be read here too. */
const NNUNET_READERS: readonly { readonly name: string; readonly endings: readonly string[] }[] = [
  { name: 'NaturalImage2DIO', endings: ['.png', '.bmp', '.tif'] },
  { name: 'SimpleITKIO', endings: ['.nii.gz', '.nrrd', '.mha', '.gipl'] },
  { name: 'Tiff3DIO', endings: ['.tif', '.tiff'] },
  { name: 'NibabelIO', endings: ['.nii', '.nii.gz'] },
];

/** The reader's name where there is no image to try it on: planning needs no more. Throws `UnsupportedReader`. */
export function readerNameByEnding(fileEnding: string, overwrite: string | null | undefined): string {
  if (overwrite && overwrite !== 'None') return overwrite;
  const found = NNUNET_READERS.find(({ endings }) => endings.includes(fileEnding.toLowerCase()));
  if (found) return found.name;
  throw new StudioError(
    'UnsupportedReader',
    `No reader of nnU-Net knows files that end with ${fileEnding}.`,
    'Correct file_ending in dataset.json.',
  );
}

/** The reader of that name, as plans give it. Throws `UnsupportedReader`. */
export function readerOfPlans(name: string): DatasetReader {
  if (BY_REQUEST.includes(name)) return readerNamed(name);
  throw new StudioError(
    'UnsupportedReader',
    `There is no reader ${name} here.`,
    `There are ${BY_REQUEST.join(', ')}.`,
  );
}

function readerNamed(name: string): DatasetReader {
  return { name, read: (files) => readCase(files, name) };
}

/**
 * The reader that dataset.json asks for, or the first that knows the ending and can read `example`. Throws
 * `UnsupportedReader`.
 *
 * Follows nnU-Net's `determine_reader_writer_from_dataset_json`.
 */
export async function datasetReader(
  fileEnding: string,
  overwrite: string | null | undefined,
  example?: SourceFile,
): Promise<DatasetReader> {
  if (overwrite && overwrite !== 'None' && BY_REQUEST.includes(overwrite)) return readerNamed(overwrite);
  const candidates = AUTOMATIC.filter(({ endings }) => endings.includes(fileEnding.toLowerCase()));
  const failures: string[] = [];
  for (const { name } of candidates) {
    const reader = readerNamed(name);
    if (!example) return reader;
    try {
      await reader.read([example]);
      return reader;
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  throw new StudioError(
    'UnsupportedReader',
    candidates.length === 0
      ? `No reader knows files that end with ${fileEnding}.`
      : `No reader can read ${example?.path}: ${failures[0]}`,
    `Known endings: ${[...new Set(AUTOMATIC.flatMap(({ endings }) => endings))].join(', ')}.`,
  );
}
