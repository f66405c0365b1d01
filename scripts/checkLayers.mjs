// Fails on an import that points up the layer list, and on an import cycle. The list is the architecture (docs/architecture.md).
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

const LAYERS = [
  'shared',
  'gpu',
  'kernels',
  'graph',
  'nn',
  'core',
  'storage',
  'workers',
  'app',
  'library',
  'cli',
  'ui',
];
/** Fronts stand side by side: none may import another. */
const FRONTS = new Set(['library', 'cli', 'ui']);
const root = path.resolve(import.meta.dirname, '..');

function sourceFiles(folder) {
  return readdirSync(folder).flatMap((name) => {
    const file = path.join(folder, name);
    if (statSync(file).isDirectory()) return sourceFiles(file);
    return /\.tsx?$/.test(name) ? [file] : [];
  });
}

function resolveImport(from, specifier) {
  const base = specifier.startsWith('@/')
    ? path.join(root, 'src', specifier.slice(2))
    : specifier.startsWith('.')
      ? path.resolve(path.dirname(from), specifier)
      : undefined;
  if (base === undefined || specifier.includes('?')) return undefined;
  return [base, `${base}.ts`, `${base}.tsx`].find((file) => files.has(file));
}

const layerOf = (file) => {
  const relative = path.relative(root, file).split(path.sep);
  return relative[0] === 'src' ? relative[1] : relative[0];
};

const files = new Map();
for (const folder of ['src', 'workers']) {
  for (const file of sourceFiles(path.join(root, folder))) files.set(file, []);
}
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g;
for (const file of files.keys()) {
  for (const match of readFileSync(file, 'utf8').matchAll(IMPORT)) {
    const target = resolveImport(file, match[1] ?? match[2] ?? match[3]);
    if (target) files.get(file).push(target);
  }
}

const problems = [];
const show = (file) => path.relative(root, file);
for (const [file, imports] of files) {
  const from = layerOf(file);
  if (path.relative(root, file).startsWith('src') && !LAYERS.includes(from)) {
    problems.push(`${show(file)}: src/${from} is not a layer; put the file in one of ${LAYERS.join(', ')}.`);
    continue;
  }
  const isWorkerEntry = path.relative(root, file).startsWith(`workers${path.sep}`);
  if (isWorkerEntry) continue; // entry points: they may import every layer but the fronts
  for (const target of imports) {
    const to = layerOf(target);
    const isUp = LAYERS.indexOf(to) > LAYERS.indexOf(from);
    const isAcross = from !== to && FRONTS.has(from) && FRONTS.has(to);
    if (isUp || isAcross) {
      problems.push(
        `${show(file)} imports ${show(target)}: ${from} stands below ${to}. Move the shared part down, or the caller up.`,
      );
    }
  }
}

const state = new Map();
function visit(file, trail) {
  if (state.get(file) === 'done') return;
  if (state.get(file) === 'open') {
    problems.push(`import cycle: ${[...trail.slice(trail.indexOf(file)), file].map(show).join(' -> ')}`);
    return;
  }
  state.set(file, 'open');
  for (const target of files.get(file)) visit(target, [...trail, file]);
  state.set(file, 'done');
}
for (const file of files.keys()) visit(file, []);

for (const problem of problems) console.error(problem);
console.log(`layers: ${files.size} files, ${problems.length} problems`);
process.exit(problems.length > 0 ? 1 : 0);
