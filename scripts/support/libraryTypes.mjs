// The library's types as a package ships them: the declarations that its entry reaches, with relative paths in place of `@/`.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runTool } from './command.mjs';

/** Below the sources. */
const ENTRY = 'library/library.d.ts';
const SPECIFIER = /(\bfrom\s*|\bimport\s*\(\s*|\bimport\s+)(['"])((?:@\/|\.\.?\/)[^'"]+)\2/g;

/**
 * Writes the declarations into `folder`, `library/library.d.ts` and what it imports. Throws where they do not compile by
 * themselves, as for someone who installs the package.
 *
 * @param {string} folder
 */
export async function writeLibraryTypes(folder) {
  const emitted = mkdtempSync(path.join(os.tmpdir(), 'nnstudio-types-'));
  try {
    // Faults of declarations that the library does not reach are none of its types: what it reaches is checked below.
    await runTool('tsc', ['-p', 'tsconfig.library.json', '--outDir', emitted], { quiet: true });
    const read = (file) => readFileSync(path.join(emitted, 'src', file), 'utf8');
    for (const [file, text] of reachableDeclarations(ENTRY, read)) {
      const target = path.join(folder, file);
      mkdirSync(path.dirname(target), { recursive: true });
      writeFileSync(target, text);
    }
  } finally {
    rmSync(emitted, { recursive: true, force: true });
  }
  const consumer = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', 'false', '--types', ''];
  const resolution = ['--target', 'es2022', '--module', 'nodenext', '--moduleResolution', 'nodenext'];
  const code = await runTool('tsc', [...consumer, ...resolution, path.join(folder, ENTRY)]);
  if (code !== 0) throw new Error('the types of the library do not compile: see the messages above.');
}

/**
 * The declarations that `entry` reaches, by path, with relative specifiers that Node's resolution follows too.
 *
 * @param {string} entry
 * @param {(file: string) => string} read the text of a declaration by its path below the sources
 * @returns {Map<string, string>}
 */
function reachableDeclarations(entry, read) {
  const found = new Map();
  const waiting = [entry];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (found.has(file)) continue;
    const folder = path.posix.dirname(file);
    const text = read(file).replace(SPECIFIER, (_, before, quote, specifier) => {
      const target = specifier.startsWith('@/') ? specifier.slice(2) : path.posix.join(folder, specifier);
      waiting.push(`${target}.d.ts`);
      const relative = path.posix.relative(folder, target);
      return `${before}${quote}${relative.startsWith('.') ? relative : `./${relative}`}.js${quote}`;
    });
    found.set(file, text);
  }
  return found;
}
