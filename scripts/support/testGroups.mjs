// Tests in two groups, by what they load: those that can open a GPU device, and all others. No list to keep.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { importGraph, reachedFrom } from './sourceImports.mjs';

/** Opens devices in Node. */
const DEVICE_SOURCE = 'src/gpu/nodeGpu.ts';
/** Opens devices too, as a process of its own that a test starts. */
const COMMAND = 'nnstudio.mjs';
/** Modules of a folder, loaded by a pattern. */
const GLOB = /import\.meta\.glob[^']*'\.\/(\w+)\/\*\.ts'/g;

/**
 * Test files of the project at `root`, as paths from it: `gpu` those that load what opens a device, directly or by way
 * of other files, or that start the command; `unit` the rest.
 */
export function testGroups(root) {
  const graph = importGraph(root, ['src', 'workers', 'tests']);
  const opensDevices = new Set([DEVICE_SOURCE]);
  for (const [file, imports] of graph) {
    if (!file.startsWith('tests/')) continue;
    const text = readFileSync(path.join(root, file), 'utf8');
    if (text.includes(COMMAND)) opensDevices.add(file);
    for (const [, folder] of text.matchAll(GLOB)) imports.push(...filesIn(graph, file, folder));
  }
  const tests = [...graph.keys()].filter((file) => file.endsWith('.test.ts')).sort();
  const isGpu = (file) => [...reachedFrom(graph, [file]).keys()].some((loaded) => opensDevices.has(loaded));
  return { gpu: tests.filter(isGpu), unit: tests.filter((file) => !isGpu(file)) };
}

function filesIn(graph, from, folder) {
  const wanted = path.posix.join(path.posix.dirname(from), folder);
  return [...graph.keys()].filter((file) => path.posix.dirname(file) === wanted);
}
