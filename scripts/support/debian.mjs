// Installs system packages on Debian, newer ones from the release's backports. The backports source is a copy of the
// machine's own Debian source with another suite, so whatever mirror the machine uses is used here too; it lives in a
// temporary folder and leaves nothing behind.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const SOURCE_LIST = '/etc/apt/sources.list';
const SOURCE_PARTS = '/etc/apt/sources.list.d';

/** `{ codename }` of the Debian release this is, or `undefined` elsewhere. */
export function debianRelease() {
  if (!existsSync('/etc/os-release')) return undefined;
  const fields = Object.fromEntries(
    readFileSync('/etc/os-release', 'utf8')
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => [
        line.slice(0, line.indexOf('=')),
        line.slice(line.indexOf('=') + 1).replaceAll('"', ''),
      ]),
  );
  return fields.ID === 'debian' && fields.VERSION_CODENAME
    ? { codename: fields.VERSION_CODENAME }
    : undefined;
}

/** True where packages can be installed without asking a person for a password. */
export function canInstall() {
  return debianRelease() !== undefined && process.getuid?.() === 0;
}

/**
 * Installs `packages`. Where the release's own version of one is older than `minimumMajor` says, backports are
 * switched on for this call. Throws with apt's message when that fails.
 *
 * @param {readonly string[]} packages
 * @param {{ minimumMajor?: Readonly<Record<string, number>> }} [options]
 */
export function installPackages(packages, { minimumMajor = {} } = {}) {
  apt('apt-get', ['update', '-q']);
  const areTooOld = Object.entries(minimumMajor).some(([name, major]) => candidateMajor(name) < major);
  if (!areTooOld) {
    apt('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages]);
    return;
  }
  const release = debianRelease();
  if (!release) throw new Error('Backports exist on Debian only.');
  withBackports(release.codename, (options) => {
    apt('apt-get', ['update', '-q', ...options]);
    apt('apt-get', [
      'install',
      '-y',
      '-q',
      '--no-install-recommends',
      '-t',
      `${release.codename}-backports`,
      ...options,
      ...packages,
    ]);
  });
}

/** Major version of the package that a plain install would bring, 0 when there is none. */
function candidateMajor(name) {
  const policy = execFileSync('apt-cache', ['policy', name], { encoding: 'utf8' });
  const candidate = /Candidate:\s*(?:\d+:)?(\d+)/.exec(policy);
  return candidate ? Number(candidate[1]) : 0;
}

function apt(command, args) {
  execFileSync(command, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}

/** Calls `use` with the apt options of a temporary copy of the machine's sources that has backports too. */
function withBackports(codename, use) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'nnstudio-apt-'));
  try {
    const parts = path.join(folder, 'sources.list.d');
    mkdirSync(parts);
    if (existsSync(SOURCE_PARTS)) cpSync(SOURCE_PARTS, parts, { recursive: true });
    const texts = [SOURCE_LIST, ...listFiles(SOURCE_PARTS)]
      .filter((file) => existsSync(file))
      .map((file) => ({ file, text: readFileSync(file, 'utf8') }));
    for (const { name, text } of backportsSources(texts, codename))
      writeFileSync(path.join(parts, name), text);
    use([`-oDir::Etc::sourceparts=${parts}`]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function listFiles(folder) {
  return existsSync(folder) ? readdirSync(folder).map((name) => path.join(folder, name)) : [];
}

/**
 * The extra source that offers `<codename>-backports`, made from the entry that offers `<codename>`; none when the
 * suite is there already. Understands deb822 (`.sources`) and one-line (`.list`) files.
 *
 * @param {readonly { file: string, text: string }[]} sources
 * @param {string} codename
 * @returns {{ name: string, text: string }[]}
 */
export function backportsSources(sources, codename) {
  const suite = `${codename}-backports`;
  const entries = sources.flatMap(({ file, text }) =>
    file.endsWith('.sources') ? stanzas(text) : file.endsWith('.list') ? oneLiners(text) : [],
  );
  if (entries.some((entry) => entry.suites.includes(suite))) return [];
  const own = entries.find((entry) => entry.suites.includes(codename));
  if (!own) throw new Error(`No apt source on this machine offers the suite ${codename}.`);
  return [{ name: `nnstudio-backports.${own.extension}`, text: own.withSuite(suite) }];
}

function stanzas(text) {
  return text
    .split(/\n\s*\n/)
    .map((stanza) => stanza.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#')))
    .filter((lines) => lines.length > 0 && isEnabled(lines) && /\bdeb\b/.test(field(lines, 'Types')))
    .map((lines) => ({
      extension: 'sources',
      suites: field(lines, 'Suites').split(/\s+/),
      withSuite: (suite) =>
        `${lines.map((line) => (/^Suites:/i.test(line) ? `Suites: ${suite}` : line)).join('\n')}\n`,
    }));
}

function field(lines, name) {
  const line = lines.find((each) => each.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  return line ? line.slice(name.length + 1).trim() : '';
}

function isEnabled(lines) {
  return field(lines, 'Enabled').toLowerCase() !== 'no';
}

const ONE_LINE = /^deb\s+(\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)$/;

function oneLiners(text) {
  return text
    .split('\n')
    .map((line) => ONE_LINE.exec(line.trim()))
    .filter((match) => match !== null)
    .map(([, options = '', uri, suite, components]) => ({
      extension: 'list',
      suites: [suite],
      withSuite: (other) => `deb ${options}${uri} ${other} ${components}\n`,
    }));
}
