// Runs TypeScript of this project in Node: entries are bundled with the same aliases and `?raw` imports as everywhere.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectRoot } from './command.mjs';
import { thirdPartyNotices } from './thirdPartyNotices.mjs';

/** What bundled code starts as threads; they are looked for beside it. */
const THREADS = { 'nodeCase.worker': 'workers/nodeCase.worker.ts' };

/**
 * Bundles `entries` (name → file below the project's root) into `dist/<folder>/<name>.mjs`, npm packages left outside
 * and the threads beside them.
 *
 * @param {string} folder
 * @param {Readonly<Record<string, string>>} entries
 * @param {{ sourcemap?: boolean }} [options]
 */
export async function bundle(folder, entries, { sourcemap = true } = {}) {
  const { build } = await import('vite');
  await build({
    root: projectRoot,
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    plugins: [thirdPartyNotices()],
    resolve: { alias: { '@': path.join(projectRoot, 'src') } },
    build: {
      ssr: true,
      target: 'node20',
      outDir: path.join(projectRoot, 'dist', folder),
      emptyOutDir: true,
      sourcemap,
      rolldownOptions: {
        input: Object.fromEntries(
          Object.entries({ ...entries, ...THREADS }).map(([name, file]) => [
            name,
            path.join(projectRoot, file),
          ]),
        ),
        output: { entryFileNames: '[name].mjs', chunkFileNames: '[name]-[hash].mjs' },
      },
    },
  });
}

/**
 * Bundles and imports.
 *
 * @param {string} folder
 * @param {Readonly<Record<string, string>>} entries
 * @returns {Promise<Record<string, any>>} the modules by name
 */
export async function importBundled(folder, entries) {
  await bundle(folder, entries);
  const modules = {};
  for (const name of Object.keys(entries)) {
    modules[name] = await import(pathToFileURL(path.join(projectRoot, 'dist', folder, `${name}.mjs`)).href);
  }
  return modules;
}
