// The rules of the architecture: the project keeps them, and a breach of each is found.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const SCRIPT = path.resolve(import.meta.dirname, '../../scripts/checkLayers.mjs');
const CAPABILITIES = ['segment', 'files', 'data', 'plan', 'train', 'models', 'evaluate', 'choose', 'system'];

let root: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'nnstudio-layers-'));
  for (const word of CAPABILITIES) {
    write(`src/app/${word}/${word}Workflow.ts`);
    write(`src/ui/${word}/${word}View.tsx`);
  }
  write('src/app/train/trainingsStore.ts', 'train/trainWorkflow');
  write('src/app/train/trainingService.ts', 'train/trainWorkflow');
  write('src/workers/train/api.ts');
  write('src/workers/train/client.ts');
  writeFileSync(path.join(root, 'src/ui/App.tsx'), "import './train/trainView';\n");
  mkdirSync(path.join(root, 'workers'));
  writeFileSync(path.join(root, 'workers/train.worker.ts'), "import '@/app/train/trainingService';\n");
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A source file that imports a workflow of src/app, where one is named. */
function write(file: string, workflow?: string): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  const content =
    workflow === undefined ? 'export {};\n' : `import { x } from '@/app/${workflow}';\nexport { x };\n`;
  writeFileSync(path.join(root, file), content);
}

function check(...folder: readonly string[]) {
  const { status, stderr } = spawnSync(process.execPath, [SCRIPT, ...folder], { encoding: 'utf8' });
  return { status, problems: stderr.split('\n').filter((line) => line !== '') };
}

test('the project keeps the rules', () => {
  expect(check()).toEqual({ status: 0, problems: [] });
});

test('a sound tree passes', () => {
  expect(check(root)).toEqual({ status: 0, problems: [] });
});

test.each<[string, () => void, RegExp]>([
  [
    'an import that points up',
    () => write('src/core/planning.ts', 'plan/planWorkflow'),
    /src\/core\/planning\.ts imports src\/app\/plan\/planWorkflow\.ts: core stands below app/,
  ],
  [
    'a worker that imports the page',
    () => writeFileSync(path.join(root, 'workers/train.worker.ts'), "import '@/ui/train/trainView';\n"),
    /workers\/train\.worker\.ts imports src\/ui\/train\/trainView\.tsx: workers stands below ui/,
  ],
  [
    'a circle',
    () => write('src/app/train/trainWorkflow.ts', 'train/trainingService'),
    /import cycle: src\/app\/train\/trainWorkflow\.ts -> src\/app\/train\/trainingService\.ts -> /,
  ],
  [
    'a store that a worker reaches, by however many imports',
    () => {
      write('src/app/data/dataStore.ts');
      write('src/app/train/trainWorkflow.ts', 'data/dataStore');
    },
    /^workers\/train\.worker\.ts -> .*trainingService\.ts -> .*trainWorkflow\.ts -> src\/app\/data\/dataStore\.ts: a store belongs to the page/,
  ],
  [
    'a store that the command reaches',
    () => write('src/cli/commands/train/train.ts', 'train/trainingsStore'),
    /^src\/cli\/commands\/train\/train\.ts -> src\/app\/train\/trainingsStore\.ts: a store belongs to the page/,
  ],
  [
    'a store by another name',
    () =>
      writeFileSync(
        path.join(root, 'src/app/data/dataState.ts'),
        "import { createStore } from 'zustand/vanilla';\nexport const store = createStore(() => ({}));\n",
      ),
    /src\/app\/data\/dataState\.ts makes a store: name it …Store\.ts/,
  ],
  [
    'a service that the page reaches',
    () => write('src/ui/train/trainView.tsx', 'train/trainingService'),
    /src\/ui\/train\/trainView\.tsx -> src\/app\/train\/trainingService\.ts: a service runs in a worker/,
  ],
  [
    'a service that a store reaches',
    () => write('src/app/train/trainingsStore.ts', 'train/trainingService'),
    /^src\/app\/train\/trainingsStore\.ts -> src\/app\/train\/trainingService\.ts: a service runs in a worker/,
  ],
  [
    'a place that imports another',
    () => writeFileSync(path.join(root, 'src/ui/train/trainView.tsx'), "import '../data/dataView';\n"),
    /src\/ui\/train\/trainView\.tsx imports src\/ui\/data\/dataView\.tsx: a place is imported by the frame alone/,
  ],
  [
    'a shared widget that imports a place',
    () => {
      mkdirSync(path.join(root, 'src/ui/components'));
      writeFileSync(path.join(root, 'src/ui/components/widget.tsx'), "import '../data/dataView';\n");
    },
    /src\/ui\/components\/widget\.tsx imports src\/ui\/data\/dataView\.tsx/,
  ],
  [
    'a capability without its folder',
    () => rmSync(path.join(root, 'src/ui/choose'), { recursive: true }),
    /src\/ui has no folder choose/,
  ],
  [
    'a folder by another word',
    () => write('src/app/training/more.ts'),
    /src\/app\/training is not a capability/,
  ],
  [
    'a worker by another word',
    () => writeFileSync(path.join(root, 'workers/predict.worker.ts'), ''),
    /workers\/predict\.worker\.ts is not named after a capability/,
  ],
  [
    'a worker without its client',
    () => rmSync(path.join(root, 'src/workers/train/client.ts')),
    /workers\/train\.worker\.ts has no src\/workers\/train\/client\.ts/,
  ],
  [
    'a client without its worker',
    () => {
      write('src/workers/plan/api.ts');
      write('src/workers/plan/client.ts');
    },
    /src\/workers\/plan has no workers\/plan\.worker\.ts/,
  ],
  [
    'a seventh file in src/app itself',
    () => {
      for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) write(`src/app/${name}.ts`);
    },
    /src\/app has 7 files of its own/,
  ],
])('%s is refused', (_, plant, problem) => {
  plant();
  const { status, problems } = check(root);
  expect(status).toBe(1);
  expect(problems.filter((line) => problem.test(line)).length).toBeGreaterThan(0);
});
