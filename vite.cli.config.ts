import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const fromRoot = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Builds TypeScript for Node, npm packages left outside: the `nnstudio` command, and what scripts/ runs. */
export default defineConfig(({ command }) => ({
  resolve: { alias: { '@': fromRoot('./src') } },
  publicDir: false,
  build: {
    ssr: true,
    target: 'node20',
    outDir: 'dist/cli',
    emptyOutDir: true,
    sourcemap: true,
    rolldownOptions: {
      ...(command === 'build' ? { input: { nnstudio: fromRoot('./src/cli/nnstudio.ts') } } : {}),
      output: { entryFileNames: '[name].mjs', chunkFileNames: 'chunks/[name]-[hash].mjs' },
    },
  },
}));
