// Makes the shipped sample again, public/sample: `node scripts/makeSample.mjs`. Takes a few minutes; the same code gives
// the same image, and the same model up to the GPU's rounding.
import path from 'node:path';
import { importBundled } from './support/bundle.mjs';
import { projectRoot } from './support/command.mjs';

const { sample } = await importBundled('sample', { sample: 'scripts/sample/makeSample.ts' });
await sample.makeSample(path.join(projectRoot, 'public/sample'));
// Dawn keeps threads of its own: leave without waiting for them.
process.exit(0);
