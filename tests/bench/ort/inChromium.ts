// Builds the page of the comparison, serves it and runs it in Chromium on SwiftShader.

import path from 'node:path';
import { chromium } from '@playwright/test';
import { build, preview } from 'vite';
import { findChromium } from '../../../scripts/support/chromium.mjs';
import type { Comparison } from './comparison';

const CONFIG_FILE = path.resolve('tests/bench/ort/page/vite.config.ts');

const BROWSER_OPTIONS = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Runs the comparison in the Chromium of this machine. */
export async function compareInChromium(): Promise<Comparison> {
  await build({ configFile: CONFIG_FILE, logLevel: 'warn' });
  const server = await preview({ configFile: CONFIG_FILE, logLevel: 'warn' });
  try {
    const [address] = server.resolvedUrls?.local ?? [];
    return await compareAt(address, await chromiumPath());
  } finally {
    await server.close();
  }
}

async function compareAt(address: string, executablePath: string): Promise<Comparison> {
  const browser = await chromium.launch({ executablePath, args: BROWSER_OPTIONS });
  try {
    const page = await browser.newPage();
    page.on('console', (line) => console.log(`  page: ${line.text()}`));
    page.on('pageerror', (error) => console.log(`  page: ${error.message}`));
    await page.goto(address);
    await page.waitForFunction(() => 'compareEngines' in window);
    return await page.evaluate(() => window.compareEngines());
  } finally {
    await browser.close();
  }
}

async function chromiumPath(): Promise<string> {
  const found = await findChromium();
  if (!found) throw new Error('No Chromium was found: install one, or name it in NNSTUDIO_CHROMIUM.');
  return found;
}
