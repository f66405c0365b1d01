// Writes the reference part of docs/command-line.md anew:  npm run docs
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { importBundled } from './support/bundle.mjs';
import { projectRoot } from './support/command.mjs';

const { commandDocs, commandList } = await importBundled('docs', {
  commandDocs: 'scripts/docs/commandDocs.ts',
  commandList: 'src/cli/commandList.ts',
});
const file = path.join(projectRoot, commandDocs.COMMAND_DOCS);
const before = readFileSync(file, 'utf8');
const after = commandDocs.withCommandReference(before, commandList.COMMANDS);
if (after !== before) writeFileSync(file, after);
console.log(`${commandDocs.COMMAND_DOCS}: ${after === before ? 'current' : 'rewritten'}`);
// Dawn keeps threads of its own: leave without waiting for them.
process.exit(0);
