// Runs TypeScript of this project in Node: entries are bundled with the same aliases and `?raw` imports as everywhere.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectRoot } from './command.mjs';

/**
 * Bundles `entries` (name → file below the project's root) into `dist/<folder>` and imports them.
 *
 * @param {string} folder
 * @param {Readonly<Record<string, string>>} entries
 * @returns {Promise<Record<string, Record<string, unknown>>>} the modules by name
 */
export async function importBundled(folder, entries) {
  const { build } = await import('vite');
  const outDir = path.join(projectRoot, 'dist', folder);
  await build({
    root: projectRoot,
    configFile: path.join(projectRoot, 'vite.cli.config.ts'),
    logLevel: 'warn',
    build: {
      outDir,
      rolldownOptions: {
        input: Object.fromEntries(
          Object.entries(entries).map(([name, file]) => [name, path.join(projectRoot, file)]),
        ),
      },
    },
  });
  const modules = {};
  for (const name of Object.keys(entries)) {
    modules[name] = await import(pathToFileURL(path.join(outDir, `${name}.mjs`)).href);
  }
  return modules;
}
