// Gets a fresh clone ready: npm packages, and for the tests Chromium and a Vulkan driver. Says what it does, does
// nothing when nothing is missing, and needs no network then. `node scripts/setup.mjs --tests` runs it by hand.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { nodeComplaint } from '../bin/nodeVersion.mjs';
import { findChromium } from './support/chromium.mjs';
import { projectRoot, runCommand } from './support/command.mjs';
import { canInstall, debianRelease, installPackages } from './support/debian.mjs';

/** Dawn refuses the software Vulkan of older Mesa releases. */
const MINIMUM_MESA = 23;
const VULKAN_PACKAGES = ['mesa-vulkan-drivers', 'libvulkan1'];

/** What stands between a fresh clone and a run; its message says how to get on. */
class SetupError extends Error {}

/**
 * @param {{ forTests: boolean }} options `forTests` also asks for a WebGPU adapter in Node and a Chromium.
 */
export async function setup({ forTests }) {
  checkNode();
  await installNpmPackages();
  if (!forTests) return;
  await ensureAdapter();
  await ensureChromium();
}

function checkNode() {
  const complaint = nodeComplaint();
  if (complaint) throw new SetupError(complaint);
}

async function installNpmPackages() {
  if (arePackagesCurrent()) return;
  console.log('setup: installing npm packages (npm ci)');
  const code = await runCommand('npm', ['ci', '--no-audit', '--no-fund']);
  if (code !== 0) throw new SetupError('npm ci failed: see its messages above.');
}

/** Whether every package that package-lock.json asks for is in node_modules in that version. */
function arePackagesCurrent() {
  const installedFile = path.join(projectRoot, 'node_modules/.package-lock.json');
  if (!existsSync(installedFile)) return false;
  const wanted = lockedPackages(path.join(projectRoot, 'package-lock.json'));
  const installed = lockedPackages(installedFile);
  return Object.entries(wanted).every(([folder, { version, optional, link }]) => {
    if (folder === '' || link) return true;
    const found = installed[folder];
    // Optional packages of other platforms are left out by npm.
    return found ? found.version === version : optional === true;
  });
}

function lockedPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

async function ensureAdapter() {
  if (await hasAdapter()) return;
  if (canInstall()) {
    console.log(`setup: no WebGPU adapter; installing ${VULKAN_PACKAGES.join(' and ')}`);
    installPackages(VULKAN_PACKAGES, { minimumMajor: { 'mesa-vulkan-drivers': MINIMUM_MESA } });
    if (await hasAdapter()) return;
  }
  report(`No WebGPU adapter in Node. Tests of the engine need one. ${adapterAdvice()}`);
}

/** Asks in a process of its own: a driver that has just been installed is seen, and one that crashes is survived. */
async function hasAdapter() {
  const script = `
    import { create } from 'webgpu';
    const adapter = await create([]).requestAdapter();
    process.exit(adapter ? 0 : 1);`;
  return (await runCommand(process.execPath, ['--input-type=module', '-e', script], { quiet: true })) === 0;
}

function adapterAdvice() {
  if (process.platform !== 'linux') return 'Update the graphics driver of this machine.';
  const release = debianRelease();
  if (!release) {
    return `Install a Vulkan driver: the GPU maker's, or Mesa ${MINIMUM_MESA} or newer (its software driver will do).`;
  }
  return (
    `Install Mesa ${MINIMUM_MESA} or newer as root: apt-get install -t ${release.codename}-backports ${VULKAN_PACKAGES.join(' ')}` +
    ` (after adding the suite ${release.codename}-backports to the apt sources, where the release's own Mesa is older).`
  );
}

async function ensureChromium() {
  if (await findChromium()) return;
  if (canInstall()) {
    console.log('setup: no Chromium; installing the package chromium');
    installPackages(['chromium']);
    if (await findChromium()) return;
  }
  const command = debianRelease() ? 'apt-get install chromium (as root)' : 'npx playwright install chromium';
  report(`No Chromium for the browser journeys. Install one: ${command}, or name one in NNSTUDIO_CHROMIUM.`);
}

/** In CI what is missing ends the run; elsewhere the tests that need it will fail and say so again. */
function report(message) {
  if (process.env.CI) throw new SetupError(message);
  console.error(`setup: ${message}`);
}

/** Runs `setup` for a script: a `SetupError` is printed plainly and ends the process. */
export async function setupOrExit(options) {
  try {
    await setup(options);
  } catch (error) {
    console.error(`setup: ${error.message}`);
    process.exit(1);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await setupOrExit({ forTests: process.argv.includes('--tests') });
  console.log('setup: ready');
}
