import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const fromHere = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Without cross-origin isolation a page has no shared memory, and WebAssembly no threads. */
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Builds the page of the comparison apart from the product. */
export default defineConfig({
  root: fromHere('.'),
  resolve: { alias: { '@': fromHere('../../../../src') } },
  build: {
    outDir: fromHere('../../../../dist/ortPage'),
    emptyOutDir: true,
    target: 'es2023',
    chunkSizeWarningLimit: 4000,
    assetsInlineLimit: 0,
  },
  preview: { host: '127.0.0.1', headers: ISOLATION },
});
