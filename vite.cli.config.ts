import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** Builds the `nnstudio` command for Node: one file, npm packages left outside. */
export default defineConfig({
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  publicDir: false,
  build: {
    ssr: true,
    target: 'node20',
    outDir: 'dist/cli',
    emptyOutDir: true,
    rolldownOptions: {
      input: { nnstudio: fileURLToPath(new URL('./src/cli/nnstudio.ts', import.meta.url)) },
      output: { entryFileNames: '[name].mjs' },
    },
  },
});
