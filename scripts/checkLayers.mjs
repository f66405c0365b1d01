// Fails where the sources break a rule of the architecture (docs/architecture.md): imports point down the list of layers and
// never in a circle; stores belong to the page and services to workers; places do not import each other; each capability
// is a folder of one name everywhere. `checkLayers.mjs ROOT` checks another copy of the project.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { importGraph, reachedFrom, wayTo } from './support/sourceImports.mjs';

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
const CAPABILITIES = ['segment', 'files', 'data', 'plan', 'train', 'models', 'evaluate', 'choose', 'system'];
/** Capabilities that are a place of the studio; what places share of files is a folder like any other shared one. */
const PLACES = CAPABILITIES.filter((word) => word !== 'files');
/** What joins the places together. */
const FRAME_FILES = ['src/ui/App.tsx', 'src/ui/places.tsx', 'src/ui/main.tsx'];
/** Workers beside a capability's own. */
const FURTHER_WORKERS = { case: 'data', nodeCase: 'data', trainingResults: 'train' };
const MOST_FILES_OF_APP = 6;

const root = path.resolve(process.argv[2] ?? path.join(import.meta.dirname, '..'));
const graph = importGraph(root, ['src', 'workers']);
const files = [...graph.keys()];

const isWorkerEntry = (file) => file.startsWith('workers/');
const isStore = (file) => /^src\/app\/.*Store\.tsx?$/.test(file);
const isService = (file) => /^src\/app\/.*Service\.tsx?$/.test(file);
const layerOf = (file) => (isWorkerEntry(file) ? 'workers' : file.split('/')[1]);
const placeOf = (file) => PLACES.find((place) => file.startsWith(`src/ui/${place}/`));

const problems = [
  ...upwardImports(),
  ...importCycles(),
  ...threads(),
  ...importsOfPlaces(),
  ...capabilities(),
  ...filesOfApp(),
];
for (const problem of problems) console.error(problem);
console.log(`layers: ${files.length} files, ${problems.length} problems`);
process.exit(problems.length > 0 ? 1 : 0);

/** Entry points of workers may import every layer but the fronts. */
function* upwardImports() {
  for (const [file, imports] of graph) {
    const from = layerOf(file);
    if (!isWorkerEntry(file) && !LAYERS.includes(from)) {
      yield `${file}: src/${from} is not a layer; put the file in one of ${LAYERS.join(', ')}.`;
      continue;
    }
    for (const target of imports) {
      const to = layerOf(target);
      const isUp = isWorkerEntry(file) ? FRONTS.has(to) : LAYERS.indexOf(to) > LAYERS.indexOf(from);
      const isAcross = from !== to && FRONTS.has(from) && FRONTS.has(to);
      if (!isUp && !isAcross) continue;
      yield `${file} imports ${target}: ${from} stands below ${to}. Move the shared part down, or the caller up.`;
    }
  }
}

function importCycles() {
  const found = [];
  const state = new Map();
  const visit = (file, trail) => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      found.push(`import cycle: ${[...trail.slice(trail.indexOf(file)), file].join(' -> ')}`);
      return;
    }
    state.set(file, 'open');
    for (const target of graph.get(file)) visit(target, [...trail, file]);
    state.set(file, 'done');
  };
  for (const file of files) visit(file, []);
  return found;
}

/** What runs on which thread: stores on the page alone, services in workers alone, everything else anywhere. */
function* threads() {
  const offPage = files.filter((file) => isWorkerEntry(file) || /^src\/(cli|library)\//.test(file));
  const onPage = files.filter((file) => file.startsWith('src/ui/') || isStore(file));
  yield* reaching(
    offPage,
    isStore,
    'a store belongs to the page. Move what is shared into a file of its own.',
  );
  yield* reaching(
    onPage,
    isService,
    'a service runs in a worker. Ask it through its client in src/workers, and take types from its api.',
  );
  for (const file of files.filter((each) => each.startsWith('src/app/') && !isStore(each))) {
    const source = readFileSync(path.join(root, file), 'utf8');
    if (/from 'zustand/.test(source))
      yield `${file} makes a store: name it …Store.ts, as it is for the page alone.`;
  }
}

function* reaching(starts, isForbidden, reason) {
  const importers = reachedFrom(graph, starts);
  for (const file of importers.keys()) {
    if (isForbidden(file)) yield `${wayTo(importers, file).join(' -> ')}: ${reason}`;
  }
}

function* importsOfPlaces() {
  for (const [file, imports] of graph) {
    if (!file.startsWith('src/ui/') || FRAME_FILES.includes(file)) continue;
    for (const target of imports) {
      const place = placeOf(target);
      if (place === undefined || place === placeOf(file)) continue;
      yield `${file} imports ${target}: a place is imported by the frame alone. Move what is shared into src/ui/components, viewer, labels or files.`;
    }
  }
}

/** The same words for the same capabilities in every layer that has them. */
function* capabilities() {
  for (const layer of ['src/app', 'src/ui']) {
    for (const word of CAPABILITIES) {
      if (!existsSync(path.join(root, layer, word)))
        yield `${layer} has no folder ${word}, which is a capability.`;
    }
  }
  for (const folder of ['src/app', 'src/workers', 'src/cli/commands']) {
    for (const name of foldersIn(folder)) {
      if (!CAPABILITIES.includes(name))
        yield `${folder}/${name} is not a capability: ${CAPABILITIES.join(', ')}.`;
    }
  }
  const entries = files.filter(isWorkerEntry).map((file) => path.basename(file).replace('.worker.ts', ''));
  for (const name of entries) {
    const word = FURTHER_WORKERS[name] ?? name;
    if (!CAPABILITIES.includes(word)) yield `workers/${name}.worker.ts is not named after a capability.`;
    if (!entries.includes(word)) yield `workers/${name}.worker.ts stands beside no ${word}.worker.ts.`;
  }
  for (const word of CAPABILITIES) {
    const parts = ['api', 'client'].map((part) => `src/workers/${word}/${part}.ts`);
    const missing = parts.filter((part) => !graph.has(part));
    if (entries.includes(word) && missing.length > 0)
      yield `workers/${word}.worker.ts has no ${missing.join(', no ')}.`;
    if (!entries.includes(word) && missing.length === 0)
      yield `src/workers/${word} has no workers/${word}.worker.ts.`;
  }
}

function* filesOfApp() {
  const own = files.filter((file) => /^src\/app\/[^/]+$/.test(file));
  if (own.length <= MOST_FILES_OF_APP) return;
  yield `src/app has ${own.length} files of its own (${own.join(', ')}): put them into the capability they are of.`;
}

function foldersIn(folder) {
  const location = path.join(root, folder);
  if (!existsSync(location)) return [];
  return readdirSync(location).filter((name) => statSync(path.join(location, name)).isDirectory());
}
