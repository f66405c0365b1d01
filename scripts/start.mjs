// Serves the studio:  npm start [-- --port 4173] [--no-open]
// Sets up what is missing; then `nnstudio studio` builds what is older than its sources, and opens the browser.
import { setupOrExit } from './setup.mjs';

await setupOrExit({ forTests: false });
process.argv.splice(2, 0, 'studio');
await import('../bin/nnstudio.mjs');
