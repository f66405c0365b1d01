import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const fromHere = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Builds the page of the journey apart from the product, as the product is built. */
export default defineConfig({
  root: fromHere('.'),
  resolve: { alias: { '@': fromHere('../../../../src') } },
  worker: { format: 'es', rolldownOptions: { output: { codeSplitting: false } } },
  build: { outDir: fromHere('../../../../dist/labelsPage'), emptyOutDir: true, target: 'es2023' },
  preview: { host: '127.0.0.1' },
});
