import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { CHECKPOINTS, NNUNET_FILES } from '@/core/interop/nnunetFiles';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const NAMES = [...Object.values(NNUNET_FILES), ...Object.values(CHECKPOINTS)];

const LITERAL = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g;
const NAME = new RegExp(`(?<![\\w.])(${NAMES.map((name) => name.replace('.', '\\.')).join('|')})(?![\\w.])`);

/** Literals that are a name or a path with one; sentences for people, which have spaces, may mention a file. */
function pathsIn(source: string): readonly string[] {
  const code = source.replace(/^\s*(\/\/|\/?\*).*$/gm, '');
  return (code.match(LITERAL) ?? []).filter(
    (literal) => NAME.test(literal) && !/\s/.test(literal.replace(/\$\{[^}]*\}/g, '')),
  );
}

test('names of nnU-Net’s files stand in one file', () => {
  const home = path.join('src', 'core', 'interop', 'nnunetFiles.ts');
  const found = ['src', 'workers'].flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => path.join(folder, name))
      .filter((name) => /\.tsx?$/.test(name) && name !== home)
      .flatMap((name) =>
        pathsIn(readFileSync(path.join(ROOT, name), 'utf8')).map((literal) => `${name}: ${literal}`),
      ),
  );
  expect(found).toEqual([]);
});

test('a name is found as a path, not in a sentence', () => {
  const found = pathsIn(
    [
      "open('plans.json')",
      'open(`fold_0/summary.json`)',
      "say('Correct dataset.json.')",
      '// plans.json',
    ].join('\n'),
  );
  expect(found).toEqual(["'plans.json'", '`fold_0/summary.json`']);
});
