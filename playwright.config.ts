import { defineConfig } from '@playwright/test';
import { findChromium } from './scripts/support/chromium.mjs';

/** Another port lets two checkouts run their journeys side by side. */
const PORT = Number(process.env.NNSTUDIO_TEST_PORT ?? 4319);

const executablePath = await findChromium();

/** The longest journey. Begun last, it would leave the other worker idle. */
const LONGEST = '**/train.e2e.ts';

/** Journeys through the built studio, on a software GPU: two browsers side by side, with patience. */
export default defineConfig({
  testDir: 'tests/e2e',
  tsconfig: './tsconfig.json',
  projects: [
    { name: 'longest', testMatch: LONGEST },
    { name: 'others', testMatch: '**/*.e2e.ts', testIgnore: LONGEST },
  ],
  // Journeys with large real data are part of `npm run test:conformance`.
  ...(process.env.NNSTUDIO_CONFORMANCE ? { grep: /@conformance/ } : { grepInvert: /@conformance/ }),
  outputDir: 'test-results',
  workers: 2, // one a core
  timeout: 900_000,
  expect: { timeout: 45_000 },
  forbidOnly: Boolean(process.env.CI),
  use: {
    baseURL: `http://localhost:${PORT}/`,
    viewport: { width: 1440, height: 900 },
    colorScheme: 'dark',
    acceptDownloads: true,
    actionTimeout: 120_000, // what cannot be clicked by then fails, with its name
    launchOptions: {
      ...(executablePath && { executablePath }),
      args: [
        '--headless',
        '--no-sandbox',
        '--enable-unsafe-webgpu',
        '--use-webgpu-adapter=swiftshader',
        '--disable-gpu-process-crash-limit', // one journey ends that process on purpose
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  webServer: {
    command: `node bin/nnstudio.mjs studio --port ${PORT} --no-open`,
    port: PORT,
    reuseExistingServer: false,
  },
});
