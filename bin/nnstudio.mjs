#!/usr/bin/env node
// The nnstudio command. Builds itself first when it is missing or older than its sources.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectRoot } from '../scripts/support/command.mjs';
import { isStale } from '../scripts/support/freshness.mjs';

const BUILT = 'dist/cli/nnstudio.mjs';
const SOURCES = ['src', 'workers', 'scripts/support/bundle.mjs', 'package-lock.json'];

if (isStale(BUILT, SOURCES)) {
  const { setupOrExit } = await import('../scripts/setup.mjs');
  await setupOrExit({ forTests: false });
  const { bundle } = await import('../scripts/support/bundle.mjs');
  console.error('nnstudio: building the command, as its sources are newer');
  await bundle('cli', { nnstudio: 'src/cli/nnstudio.ts' }).catch((error) => {
    console.error(`nnstudio: ${error.message}`);
    process.exit(1);
  });
}
await import(pathToFileURL(path.join(projectRoot, BUILT)).href);
