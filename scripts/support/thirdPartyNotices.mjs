// Licences of the npm packages that a build has parts of, written beside it: their licences ask for that.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const FILE = 'THIRD-PARTY-NOTICES.txt';
const LICENCE_FILE = /^(licen[cs]e|copying|notice|third.?party)/i;
/** Folders of every package that a module was read from, in this process: workers are builds of their own. */
const folders = new Set();

/** A Vite plugin for a build and its workers: writes `THIRD-PARTY-NOTICES.txt` into the folder of the build. */
export function thirdPartyNotices() {
  return {
    name: 'third-party-notices',
    apply: 'build',
    enforce: 'pre',
    load(id) {
      const folder = packageFolder(id.replace(/[?#].*$/, ''));
      if (folder) folders.add(folder);
    },
    writeBundle({ dir }) {
      if (this.environment.config.isWorker || !dir) return;
      writeFileSync(path.join(dir, FILE), noticesOf([...folders]));
    },
  };
}

/** The folder of the package that a file belongs to; `undefined` for our own files. */
export function packageFolder(file) {
  const parts = file.split(/[\\/]/);
  const last = parts.lastIndexOf('node_modules');
  if (last < 0 || parts[0].startsWith('\0')) return undefined;
  const end = last + (parts[last + 1]?.startsWith('@') ? 3 : 2);
  return parts.slice(0, end).join('/');
}

/** The text: a package, its licence and its licence's words, by name. */
export function noticesOf(packageFolders) {
  const notices = packageFolders
    .filter((folder) => existsSync(path.join(folder, 'package.json')))
    .map((folder) => noticeOf(folder))
    .sort();
  const head = 'This build has parts of the following packages, under their own licences.';
  return `${[head, ...new Set(notices)].join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

function noticeOf(folder) {
  const { name, version, license, author } = JSON.parse(
    readFileSync(path.join(folder, 'package.json'), 'utf8'),
  );
  const texts = readdirSync(folder)
    .filter((file) => LICENCE_FILE.test(file))
    .map((file) => readFileSync(path.join(folder, file), 'utf8').trim());
  const by = typeof author === 'string' ? author : author?.name;
  const own = texts.length > 0 ? texts : [`${license}${by ? `, ${by}` : ''}`];
  return [`${name} ${version} (${license})`, ...own].join('\n\n');
}
