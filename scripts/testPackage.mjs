// Tries the package as someone who installs it:  npm run test:package [-- --keep]
// Packs, installs the file into an empty folder, and there runs the command, the example of docs/library.md, its types and the
// studio. What the installed command predicts has to equal what the checkout's does.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { formatDuration, projectRoot } from './support/command.mjs';
import { firstExample } from './support/libraryExample.mjs';

const isWindows = process.platform === 'win32';
const root = mkdtempSync(path.join(os.tmpdir(), 'nnstudio-package-'));
const folder = path.join(root, 'empty');
const SAMPLE = path.join('node_modules', 'nnstudio', 'dist', 'studio', 'sample');
const IMAGE = path.join(SAMPLE, 'phantom_0000.nii.gz');
const MODEL = path.join(SAMPLE, 'phantom-model.zip');
mkdirSync(folder);

const STEPS = [
  ['npm pack', pack],
  ['npm install into an empty folder', install],
  ['the package has what it should, and nothing of this checkout', inspect],
  ['npx nnstudio --help', help],
  ['npx nnstudio predict on the sample, as the checkout predicts it', predict],
  ['the example of docs/library.md', example],
  ['the types of the library in strict TypeScript', types],
  ['npx nnstudio studio --no-open over HTTP, until Ctrl-C', studio],
  ['wrong use is answered in words', wrongUse],
];

/** @type {{ file: string }} */
const packed = { file: '' };

let failed = 0;
let passed = 0;
for (const [name, run] of STEPS) {
  const started = performance.now();
  try {
    const note = await run();
    passed++;
    console.log(`ok      ${name} (${formatDuration(performance.now() - started)})${note ? `: ${note}` : ''}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}\n${error.message}`);
    if (!packed.file) break; // nothing to try
  }
}
if (process.argv.includes('--keep')) console.log(`Kept: ${root}`);
else rmSync(root, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

function pack() {
  const { stdout } = run('npm', ['pack', '--json', '--pack-destination', root], { cwd: projectRoot });
  const [report] = Object.values(JSON.parse(stdout.slice(stdout.search(/^[[{]/m))));
  packed.file = path.join(root, report.filename);
  return `${megabytes(report.size)} packed, ${megabytes(report.unpackedSize)} unpacked, ${report.entryCount} files`;
}

function install() {
  run('npm', ['init', '-y']);
  run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', packed.file]);
  const packages = readdirSync(path.join(folder, 'node_modules'), { recursive: true }).filter((name) =>
    /(^|[\\/])(@[^\\/]+[\\/])?[^\\/@.][^\\/]*[\\/]package\.json$/.test(String(name)),
  );
  return `${packages.length} package.json below node_modules`;
}

function inspect() {
  const own = path.join(folder, 'node_modules', 'nnstudio');
  const files = readdirSync(own, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  for (const file of files) {
    const name = path.relative(own, file).split(path.sep).join('/');
    expect(!/^(src|tests|scripts|workers)\/|\.map$|\.test\./.test(name), `${name} is in the package`);
    if (/\.(m?js|ts|json|html)$/.test(name)) {
      const text = readFileSync(file, 'utf8');
      expect(!text.includes(projectRoot), `${name} names the folder of the checkout`);
      if (name.endsWith('.d.ts')) expect(!/['"]@\//.test(text), `${name} imports by an alias`);
    }
  }
  const { dependencies } = JSON.parse(readFileSync(path.join(own, 'package.json'), 'utf8'));
  for (const name of ['react', 'vite', '@mantine/core'])
    expect(!(name in dependencies), `it installs ${name}`);
  const studioNotices = readFileSync(path.join(own, 'dist/studio/THIRD-PARTY-NOTICES.txt'), 'utf8');
  for (const name of ['react ', '@niivue/niivue ', 'onnxruntime-web ', '@mantine/core '])
    expect(studioNotices.includes(`\n${name}`), `the notices lack ${name}`);
}

function help() {
  const { stdout } = run('npx', ['--no-install', 'nnstudio', '--help']);
  for (const command of ['predict', 'train', 'studio']) expect(stdout.includes(`  ${command} `), stdout);
}

function predict() {
  const options = ['--disable_tta', '--disable_progress_bar'];
  run('npx', [
    '--no-install',
    'nnstudio',
    'predict',
    '-i',
    IMAGE,
    '-o',
    'installed.nii.gz',
    '-m',
    MODEL,
    ...options,
  ]);
  const checkout = path.join(projectRoot, 'bin', 'nnstudio.mjs');
  run(process.execPath, [checkout, 'predict', '-i', IMAGE, '-o', 'checkout.nii.gz', '-m', MODEL, ...options]);
  expectSameFile('installed.nii.gz', 'checkout.nii.gz');
  return `${statSync(path.join(folder, 'installed.nii.gz')).size} equal bytes`;
}

function example() {
  writeFileSync(path.join(folder, 'example.mjs'), firstExample());
  const { stdout } = run(process.execPath, ['example.mjs']);
  expectSameFile('phantom.nii.gz', 'installed.nii.gz');
  return stdout.trim().split('\n')[0];
}

/** By the checkout's compiler, which finds nothing of the checkout from there. */
function types() {
  const tsc = path.join(projectRoot, 'node_modules', 'typescript', 'lib', 'tsc.js');
  writeFileSync(path.join(folder, 'example.mts'), firstExample());
  for (const [module, resolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false'];
    const target = ['--target', 'es2022', '--module', module, '--moduleResolution', resolution];
    run(process.execPath, [tsc, ...options, ...target, '--types', '', 'example.mts']);
  }
}

async function studio() {
  const command = path.join(folder, 'node_modules', 'nnstudio', 'bin', 'nnstudio.mjs');
  const child = spawn(process.execPath, [command, 'studio', '--no-open', '--port', '0'], { cwd: folder });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    const address = await addressSaid(child);
    const page = await fetch(address);
    expect(page.status === 200, `${address} answers ${page.status}`);
    const headers = readFileSync(path.join(folder, 'node_modules/nnstudio/dist/studio/_headers'), 'utf8');
    for (const [, name, value] of headers.matchAll(/^ {2}([^:]+): (.*)$/gm)) {
      expect(page.headers.get(name) === value, `${name} is ${page.headers.get(name)}, not ${value}`);
    }
    const html = await page.text();
    const assets = [...html.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, name]) => name);
    expect(assets.length > 3, `the page names few files: ${html}`);
    for (const name of [...assets, 'sample/phantom-model.zip']) {
      const response = await fetch(address + name);
      const type = response.headers.get('content-type') ?? '';
      expect(response.ok && type !== 'application/octet-stream', `${name}: ${response.status} ${type}`);
    }
    child.kill('SIGINT');
    const code = await ended;
    expect(isWindows || code === 0, `it ended with ${code}`);
    return `${assets.length} files of the page at ${address}`;
  } finally {
    child.kill('SIGKILL');
  }
}

function wrongUse() {
  for (const [args, words] of [
    [['studio', '--port', 'abc'], '--port must be a whole number'],
    [['predict', '-i', 'nowhere', '-o', 'x', '-m', MODEL], 'nowhere does not exist'],
    [['predcit'], 'Did you mean predict?'],
  ]) {
    const { status, stderr } = attempt('npx', ['--no-install', 'nnstudio', ...args]);
    expect(status === 2 && stderr.includes(words), `${args.join(' ')}: ${status} ${stderr}`);
  }
}

/** The address that the studio prints; rejects with its messages where it ends before. */
function addressSaid(child) {
  return new Promise((resolve, reject) => {
    let said = '';
    const listen = (text) => {
      said += text;
      const address = /http:\/\/localhost:\d+\//.exec(said)?.[0];
      if (address) resolve(address);
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.once('exit', (code) => reject(new Error(`the studio ended with ${code}: ${said}`)));
  });
}

function attempt(command, args, { cwd = folder } = {}) {
  const { NODE_PATH: _, ...env } = process.env;
  // npm and npx are scripts of the shell on Windows.
  const options = {
    cwd,
    env,
    encoding: 'utf8',
    shell: isWindows && command.startsWith('np'),
    maxBuffer: 1e9,
  };
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  if (error) throw error;
  return { status, stdout, stderr };
}

function run(command, args, options) {
  const outcome = attempt(command, args, options);
  if (outcome.status === 0) return outcome;
  throw new Error(
    `${command} ${args.join(' ')} ended with ${outcome.status}\n${outcome.stdout}${outcome.stderr}`,
  );
}

function expectSameFile(one, other) {
  const [a, b] = [one, other].map((name) => readFileSync(path.join(folder, name)));
  expect(a.equals(b), `${one} (${a.length} bytes) differs from ${other} (${b.length} bytes)`);
}

function expect(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
