// The one way for commands to write: never over a file that is read. Files are known by what they are on the disk, so that a
// link, a hard link, another spelling of the path or of its capital letters is the same file.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { SourceFile } from '@/core/io/sourceFile';
import type { ZipPart, ZipStreamOptions } from '@/core/io/zipStream';
import { StudioError } from '@/shared/errors';
import type { DatasetFolder } from './datasetFolder';
import { writeArchive } from './nodeArchive';
import { nodeDatasetFolder, writeWhole } from './nodeFiles';

/** A file or folder that a command reads. */
export interface CommandInput {
  readonly location: string;
  /** Of a folder, by the path below it with `/`: which files are read. All of them if left out. */
  readonly isRead?: (below: string) => boolean;
}

/** Paths of files that lie on the disk. */
export function pathsOf(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap(({ origin }) => (typeof origin === 'string' ? [origin] : []));
}

/** Names of the files that can stand in a message. */
const MAX_NAMED = 3;

/** Writers that refuse to replace one of the inputs. */
export class Outputs {
  /** Paths of the inputs by what they are on the disk. */
  private readonly inputs: ReadonlyMap<string, string>;

  private constructor(inputs: ReadonlyMap<string, string>) {
    this.inputs = inputs;
  }

  /** Of a command that reads these. What is not there is left out: its absence is explained where it is read. */
  static async beside(inputs: readonly (string | CommandInput)[]): Promise<Outputs> {
    const found = new Map<string, string>();
    for (const each of inputs) {
      const { location, isRead = () => true } = typeof each === 'string' ? { location: each } : each;
      await collect(location, '', isRead, found, new Set());
    }
    return new Outputs(found);
  }

  /**
   * Throws `WouldReplaceInput`, naming output and input, if one of these files is an input. To be called with everything that
   * is going to be written, before anything runs.
   */
  async assertFree(locations: readonly string[]): Promise<void> {
    const clashes: string[] = [];
    for (const location of locations) {
      const input = this.inputs.get((await identityOf(location)) ?? '');
      if (input !== undefined) clashes.push(`the output ${location} is the input ${input}`);
    }
    if (clashes.length === 0) return;
    const more = clashes.length - MAX_NAMED;
    throw new StudioError(
      'WouldReplaceInput',
      `This would write over what is read: ${clashes.slice(0, MAX_NAMED).join(', ')}${more > 0 ? `, and ${more} more` : ''}.`,
      'Nothing has been changed. Choose another place for the output.',
    );
  }

  /** {@link assertFree} of files of a folder, by their paths below it. */
  async assertFolderFree(folder: string, names: readonly string[]): Promise<void> {
    await this.assertFree(names.map((name) => path.join(folder, name)));
  }

  /** A folder to write into; made when the first file is written. */
  folder(location: string): DatasetFolder {
    const plain = nodeDatasetFolder(location);
    return {
      ...plain,
      write: async (name, content) => {
        await this.assertFree([path.join(location, name)]);
        await plain.write(name, content);
      },
      remove: async (name) => {
        await this.assertFree([path.join(location, name)]);
        await plain.remove(name);
      },
    };
  }

  /** Writes a file, all or nothing. */
  async writeFile(location: string, content: Uint8Array | string): Promise<void> {
    await this.assertFree([location]);
    await writeWhole(location, content);
  }

  /** Writes an archive, all or nothing. Returns its size in bytes. */
  async writeArchive(
    location: string,
    parts: readonly ZipPart[],
    options: ZipStreamOptions = {},
  ): Promise<number> {
    await this.assertFree([location]);
    return writeArchive(location, parts, options);
  }
}

/** Device and number of a file, links followed; `undefined` where there is none. */
async function identityOf(location: string): Promise<string | undefined> {
  const facts = await stat(location, { bigint: true }).catch(() => undefined);
  return facts && `${facts.dev}:${facts.ino}`;
}

/** Files at `root/below`, all below it where it is a folder; links are followed once. */
async function collect(
  root: string,
  below: string,
  isRead: (below: string) => boolean,
  found: Map<string, string>,
  seen: Set<string>,
): Promise<void> {
  const location = path.join(root, below);
  const facts = await stat(location, { bigint: true }).catch(() => undefined);
  if (!facts) return;
  const identity = `${facts.dev}:${facts.ino}`;
  if (!facts.isDirectory()) {
    if (below === '' || isRead(below)) found.set(identity, location);
    return;
  }
  if (seen.has(identity)) return;
  seen.add(identity);
  for (const name of await readdir(location)) {
    await collect(root, below ? `${below}/${name}` : name, isRead, found, seen);
  }
}
