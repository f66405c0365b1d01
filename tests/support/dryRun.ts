// What the compiler says of a change to the sources that is not made: a copy of `src` is changed and type-checked.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');

interface Insertion {
  readonly before: string;
  readonly text: string;
}

interface DryRun {
  /** Texts that are put in front of others, by the file below the project's root. */
  readonly insert: Readonly<Record<string, readonly Insertion[]>>;
  /** Files from which the check starts; what they import is checked with them. */
  readonly files: readonly string[];
}

/** An error of the compiler. */
export interface TypeFault {
  readonly file: string;
  readonly message: string;
}

/** The compiler's errors once the texts are inserted. Throws where a text to stand before is not there. */
export function dryRun({ insert, files }: DryRun): readonly TypeFault[] {
  const copy = mkdtempSync(path.join(tmpdir(), 'dry-run-'));
  try {
    cpSync(path.join(ROOT, 'src'), path.join(copy, 'src'), { recursive: true });
    for (const file of ['package.json', 'securityHeaders.ts'])
      cpSync(path.join(ROOT, file), path.join(copy, file));
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
    for (const [file, insertions] of Object.entries(insert)) {
      let source = readFileSync(path.join(copy, file), 'utf8');
      for (const { before, text } of insertions) {
        if (!source.includes(before)) throw new Error(`${file} has no ${before}`);
        source = source.replace(before, () => text + before);
      }
      writeFileSync(path.join(copy, file), source);
    }
    const config = {
      extends: path.join(ROOT, 'tsconfig.json'),
      compilerOptions: { paths: { '@/*': ['./src/*'] } },
      include: [],
      files: ['src/core/io/codecs.d.ts', ...files],
    };
    writeFileSync(path.join(copy, 'tsconfig.json'), JSON.stringify(config));
    const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc');
    const { stdout } = spawnSync(process.execPath, [compiler, '-p', '.', '--pretty', 'false'], {
      cwd: copy,
      encoding: 'utf8',
    });
    return [...stdout.matchAll(/^(\S+)\(\d+,\d+\): error TS\d+: (.*)$/gm)].map(([, file, message]) => ({
      file,
      message,
    }));
  } finally {
    rmSync(copy, { recursive: true });
  }
}
