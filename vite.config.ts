import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { thirdPartyNotices } from './scripts/support/thirdPartyNotices.mjs';
import { DEVELOPMENT_HEADERS, headersFile, PAGE_POLICY, SECURITY_HEADERS } from './securityHeaders.ts';

/** Writes `_headers`, and the policy into the page itself for hosts that cannot set headers. */
function securityFiles(): Plugin {
  return {
    name: 'security-files',
    apply: 'build',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: '_headers', source: headersFile() });
    },
    transformIndexHtml: () => [
      {
        tag: 'meta',
        attrs: { 'http-equiv': 'Content-Security-Policy', content: PAGE_POLICY },
        injectTo: 'head-prepend',
      },
    ],
  };
}

/** Builds the studio: a static site in `dist/studio`. Relative addresses, so that any folder of a host serves it. */
export default defineConfig({
  base: './',
  appType: 'mpa',
  resolve: {
    alias: [
      { find: '@', replacement: fileURLToPath(new URL('./src', import.meta.url)) },
      // The build with nothing but WebAssembly: a sixth of the whole one.
      { find: /^onnxruntime-web$/, replacement: 'onnxruntime-web/wasm' },
    ],
  },
  plugins: [react(), securityFiles(), thirdPartyNotices()],
  // One file a worker: what is needed later is there from the start, and the page asks for nothing more.
  worker: {
    format: 'es',
    plugins: () => [thirdPartyNotices()],
    rolldownOptions: { output: { codeSplitting: false } },
  },
  build: { outDir: 'dist/studio', emptyOutDir: true, target: 'es2023', chunkSizeWarningLimit: 2000 },
  server: { headers: DEVELOPMENT_HEADERS },
  preview: { headers: SECURITY_HEADERS },
});
