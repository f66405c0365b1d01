#!/usr/bin/env node
// The nnstudio command. An installed package brings it built; a checkout builds it first when it is older than its sources.
import { existsSync } from 'node:fs';
import { nodeComplaint } from './nodeVersion.mjs';

const complaint = nodeComplaint();
if (complaint) {
  console.error(`nnstudio: ${complaint}`);
  process.exit(1);
}

const isCheckout = existsSync(new URL('../src/cli/nnstudio.ts', import.meta.url));
if (isCheckout) {
  const { buildWhatIsStale } = await import('../scripts/support/checkout.mjs');
  await buildWhatIsStale({ studio: process.argv[2] === 'studio' });
}
await import('../dist/node/nnstudio.mjs');
