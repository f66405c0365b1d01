import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from './command.mjs';

/** Whether `product` is missing or older than anything below `sources` (files or folders, from the project's root). */
export function isStale(product, sources) {
  const file = path.join(projectRoot, product);
  if (!existsSync(file)) return true;
  const builtAt = statSync(file).mtimeMs;
  return sources.some((source) => newestChange(path.join(projectRoot, source)) > builtAt);
}

function newestChange(file) {
  if (!existsSync(file)) return 0;
  const { mtimeMs } = statSync(file);
  if (!statSync(file).isDirectory()) return mtimeMs;
  // A folder's own time tells of files that were removed.
  return Math.max(mtimeMs, ...readdirSync(file).map((name) => newestChange(path.join(file, name))));
}
