// nnU-Net's folders: nnUNet_raw, nnUNet_preprocessed, and the datasets in them by id or name.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { openDatasetOnDisk } from '@/app/data/openDatasetOnDisk';
import type { RawDataset } from '@/core/dataset/rawDataset';
import { StudioError } from '@/shared/errors';
import { kindOf } from '@/storage/nodeFiles';
import { listOf, type OptionSpec, type ParsedOptions, textOf, UsageError } from './options';

/** Options by which commands find datasets. */
export const DATASET_OPTIONS: readonly OptionSpec[] = [
  {
    names: ['-d', '--dataset_id'],
    kind: 'list',
    value: 'ID…',
    description: 'dataset ids, names, or folders of raw datasets',
  },
  ...folderOptions(),
];

function folderOptions(): readonly OptionSpec[] {
  return [
    { names: ['-raw'], kind: 'text', value: 'FOLDER', description: 'instead of the variable nnUNet_raw' },
    {
      names: ['-preprocessed'],
      kind: 'text',
      value: 'FOLDER',
      description: 'instead of the variable nnUNet_preprocessed',
    },
  ];
}

export type NnunetFolder = 'nnUNet_raw' | 'nnUNet_preprocessed';

const OPTION_OF = { nnUNet_raw: '-raw', nnUNet_preprocessed: '-preprocessed' } as const;

/** The folder that the option or the environment variable names. */
export function nnunetFolder(kind: NnunetFolder, options: ParsedOptions): string {
  const folder = textOf(options, OPTION_OF[kind]) ?? process.env[kind];
  if (folder) return folder;
  throw new UsageError(
    `The environment variable ${kind} is not set.`,
    `Set it, or name the folder with ${OPTION_OF[kind]}.`,
  );
}

/** A dataset that a command works on. */
export interface NamedDataset {
  /** `DatasetXXX_Name`. */
  readonly name: string;
  readonly rawFolder: string;
  readonly preprocessedFolder: string;
}

/** The datasets that `-d` names, by id, name or folder. */
export async function namedDatasets(options: ParsedOptions): Promise<readonly NamedDataset[]> {
  const asked = listOf(options, '-d');
  if (!asked) throw new UsageError('-d is missing: the ids of the datasets.');
  const datasets: NamedDataset[] = [];
  for (const each of asked) datasets.push(await namedDataset(each, options));
  return datasets;
}

/** One dataset by id (`4`, `004`), name (`Dataset004_Hippocampus`), or path of its raw folder. */
export async function namedDataset(asked: string, options: ParsedOptions): Promise<NamedDataset> {
  if (!/^\d+$/.test(asked) && (await kindOf(asked)) === 'folder') {
    const name = path.basename(path.resolve(asked));
    const preprocessed = nnunetFolder('nnUNet_preprocessed', options);
    return { name, rawFolder: asked, preprocessedFolder: path.join(preprocessed, name) };
  }
  const raw = nnunetFolder('nnUNet_raw', options);
  const preprocessed = nnunetFolder('nnUNet_preprocessed', options);
  const name = /^\d+$/.test(asked) ? await nameOfId(Number(asked), [raw, preprocessed]) : asked;
  return {
    name,
    rawFolder: path.join(raw, name),
    preprocessedFolder: path.join(preprocessed, name),
  };
}

/** Follows nnU-Net's `convert_id_to_dataset_name`: all folders together must know exactly one. */
async function nameOfId(id: number, folders: readonly string[]): Promise<string> {
  const found = await namesOfId(id, folders);
  if (found.length === 1) return found[0];
  throw new StudioError(
    'UnknownDataset',
    found.length === 0
      ? `There is no dataset ${id} in ${folders.join(' or ')}.`
      : `Several datasets have the id ${id}: ${found.join(', ')}.`,
    found.length === 0 ? 'Its folder is named DatasetXXX_Name.' : 'Rename one of them.',
  );
}

/** Distinct names of datasets with that id. */
export async function namesOfId(id: number, folders: readonly string[]): Promise<readonly string[]> {
  const prefix = `Dataset${String(id).padStart(3, '0')}_`;
  const names = await Promise.all(folders.map((folder) => readdir(folder).catch((): string[] => [])));
  return [...new Set(names.flat().filter((name) => name.startsWith(prefix)))].sort();
}

/** Opens the raw dataset. Throws `NoDataset` and what {@link openDatasetOnDisk} throws. */
export async function openDataset({ rawFolder }: NamedDataset): Promise<RawDataset> {
  return openDatasetOnDisk(rawFolder, 'Check nnUNet_raw and -d.');
}
