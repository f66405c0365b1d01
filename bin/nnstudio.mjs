#!/usr/bin/env node
// The nnstudio command. Builds itself first when it is missing or older than its sources.
import path from 'node:path';
import { runTool } from '../scripts/support/command.mjs';
import { isStale } from '../scripts/support/freshness.mjs';

const BUILT = 'dist/cli/nnstudio.mjs';
const SOURCES = ['src', 'vite.cli.config.ts', 'package-lock.json'];

if (isStale(BUILT, SOURCES)) {
  const { setupOrExit } = await import('../scripts/setup.mjs');
  await setupOrExit({ forTests: false });
  console.error('nnstudio: building the command (once, after its sources changed)');
  const code = await runTool('vite', ['build', '--config', 'vite.cli.config.ts', '--logLevel', 'error']);
  if (code !== 0) process.exit(code);
}
await import(path.join('..', BUILT));
