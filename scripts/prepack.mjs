// Builds what `npm pack` puts into the package: the command and the library for Node, their types, and the studio.
import { rmSync } from 'node:fs';
import path from 'node:path';
import { setupOrExit } from './setup.mjs';
import { buildNode, buildStudio } from './support/checkout.mjs';
import { projectRoot } from './support/command.mjs';
import { writeLibraryTypes } from './support/libraryTypes.mjs';

const TYPES = path.join(projectRoot, 'dist/types');

await setupOrExit({ forTests: false });
try {
  await buildNode({ sourcemap: false });
  rmSync(TYPES, { recursive: true, force: true });
  await writeLibraryTypes(TYPES);
  await buildStudio();
} catch (error) {
  console.error(`prepack: ${error.message}`);
  process.exit(1);
}
