import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { writeLibraryTypes } from '../../scripts/support/libraryTypes.mjs';

test('the library’s types stand by themselves: few files, no alias, no other package', {
  timeout: 120_000,
}, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'nnstudio-types-'));
  try {
    await writeLibraryTypes(folder);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    expect(files).toContain(path.join('library', 'library.d.ts'));
    // The engine's own types are not the library's: what it hands out has types of its own.
    expect(files.filter((name) => !name.startsWith('library')).sort()).toEqual([
      path.join('core', 'planning', 'plansDocument.d.ts'),
      path.join('shared', 'errors.d.ts'),
    ]);
    for (const file of files) {
      const text = readFileSync(path.join(folder, file), 'utf8');
      const specifiers = [...text.matchAll(/\bfrom ['"]([^'"]+)['"]/g)].map(([, specifier]) => specifier);
      for (const specifier of specifiers) expect(specifier).toMatch(/^\.\.?\/.*\.js$/);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
