import { readFileSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from './command.mjs';

/** The first script of docs/library.md: what the package's test runs, and what its types are checked with. */
export function firstExample() {
  const text = readFileSync(path.join(projectRoot, 'docs', 'library.md'), 'utf8');
  const example = /^```js\n([\s\S]*?)^```$/m.exec(text)?.[1];
  if (!example) throw new Error('docs/library.md has no example of JavaScript.');
  return example;
}
