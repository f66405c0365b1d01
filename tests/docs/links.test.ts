// The documents hold together: links lead somewhere, and what is called by its path lies there.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

const MAX_README_WORDS = 900;

const FOLDERS = ['src', 'workers', 'tests', 'scripts', 'docs', 'bin', 'public'] as const;
const PATH_IN_REPOSITORY = new RegExp(`^(?:${FOLDERS.join('|')})/[\\w./@-]*$`);
/** A file of code called by its name alone. */
const CODE_FILE = /^[\w.-]+\.(?:tsx?|mjs|wgsl)$/;

const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'tests/README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

describe.each(DOCUMENTS)('%s', (document) => {
  const text = readFileSync(document, 'utf8');

  test('links to files and headings that are there', () => {
    expect(brokenLinks(document, text)).toEqual([]);
  });

  test('names files that are there', () => {
    expect(missingPaths(text)).toEqual([]);
  });
});

test(`README.md has at most ${MAX_README_WORDS} words`, () => {
  const words = readFileSync('README.md', 'utf8').split(/\s+/).filter(Boolean);
  expect(words.length).toBeLessThanOrEqual(MAX_README_WORDS);
});

test('README.md leads to every document of docs/', () => {
  const readme = readFileSync('README.md', 'utf8');
  expect(DOCUMENTS.filter((name) => name.startsWith('docs/') && !readme.includes(`(${name})`))).toEqual([]);
});

describe('the checks', () => {
  test('find a missing file, picture and heading', () => {
    const text = [
      '# Here',
      '[a](LICENSE) [b](nowhere.md) ![c](docs/none.png) [d](#here) [e](#there) [f](https://example.org)',
      '[g](docs/hosting.md#headers) [h](docs/hosting.md#footers)',
    ].join('\n');
    expect(brokenLinks('README.md', text)).toEqual([
      'nowhere.md',
      'docs/none.png',
      '#there',
      'docs/hosting.md#footers',
    ]);
  });

  test('find a missing path among code, inline and in blocks', () => {
    const text =
      'See `src/shared/errors.ts`, `src/shared/`, `errors.ts`, `src/gone.ts`, `gone.ts` and `plans.json`.\n' +
      '```sh\nnode scripts/start.mjs -i public/none.nii.gz dist/cli\n```\n';
    expect(missingPaths(text)).toEqual(['src/gone.ts', 'gone.ts', 'public/none.nii.gz']);
  });

  test('know the anchors that GitHub gives', () => {
    const text = '# nnstudio convert_MSD_dataset\n## Data, `plans` & more\n## Twice\n## Twice\n';
    expect(anchorsOf(text)).toEqual(
      new Set(['nnstudio-convert_msd_dataset', 'data-plans--more', 'twice', 'twice-1']),
    );
  });
});

/** Targets of relative links and pictures in `text` that lead nowhere, as they are written. */
function brokenLinks(document: string, text: string): readonly string[] {
  const targets = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [file, anchor] = target.split('#');
    const location = file === '' ? document : path.join(path.dirname(document), file);
    if (file !== '' && !existsSync(location)) return true;
    if (anchor === undefined) return false;
    return !anchorsOf(file === '' ? text : readFileSync(location, 'utf8')).has(anchor);
  });
}

/** Anchors of the headings of a Markdown text, as GitHub makes them. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading] of withoutBlocks(text).matchAll(/^#{1,6} +(.+)$/gm)) {
    const plain = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    let anchor = plain;
    for (let i = 1; anchors.has(anchor); i++) anchor = `${plain}-${i}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Paths of this repository that `text` names as code, and that are not there. */
function missingPaths(text: string): readonly string[] {
  const inBlocks = [...text.matchAll(BLOCK)].flatMap(([block]) => block.split(/\s+/));
  const inline = [...withoutBlocks(text).matchAll(/`([^`\n]+)`/g)].map(([, code]) => code);
  return [...inline, ...inBlocks].filter((code) => {
    if (PATH_IN_REPOSITORY.test(code)) return !existsSync(code);
    return inline.includes(code) && CODE_FILE.test(code) && !fileNames().has(code);
  });
}

const BLOCK = /^```[\s\S]*?^```/gm;

function withoutBlocks(text: string): string {
  return text.replace(BLOCK, '');
}

function withoutCode(text: string): string {
  return withoutBlocks(text).replace(/`[^`\n]+`/g, '');
}

let found: ReadonlySet<string> | undefined;

/** Names of all files of the project. */
function fileNames(): ReadonlySet<string> {
  found ??= new Set([
    ...readdirSync('.').filter((name) => statSync(name).isFile()),
    ...FOLDERS.flatMap((folder) => readdirSync(folder, { recursive: true }).map(String)).map((file) =>
      path.basename(file),
    ),
  ]);
  return found;
}
