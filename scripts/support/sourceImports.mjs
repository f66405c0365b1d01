// The imports of the project's own sources, as a graph of files.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g;

/** Files below `folders` of `root`, by their paths from it with `/`, each with the files that it imports. */
export function importGraph(root, folders) {
  const names = folders.flatMap((folder) => sourceFiles(root, folder));
  const graph = new Map(names.map((name) => [name, []]));
  for (const [name, imports] of graph) {
    for (const match of readFileSync(path.join(root, name), 'utf8').matchAll(IMPORT)) {
      const target = resolved(graph, name, match[1] ?? match[2] ?? match[3]);
      if (target) imports.push(target);
    }
  }
  return graph;
}

/** Shortest ways from the files of `starts` to each file that they reach: a file, with the one it is imported by. */
export function reachedFrom(graph, starts) {
  const importers = new Map(starts.map((start) => [start, undefined]));
  for (const file of importers.keys()) {
    for (const target of graph.get(file)) if (!importers.has(target)) importers.set(target, file);
  }
  return importers;
}

/** The way to a file out of {@link reachedFrom}, from its start. */
export function wayTo(importers, file) {
  const way = [];
  for (let at = file; at !== undefined; at = importers.get(at)) way.unshift(at);
  return way;
}

function sourceFiles(root, folder) {
  if (!existsSync(path.join(root, folder))) return [];
  return readdirSync(path.join(root, folder)).flatMap((name) => {
    const file = `${folder}/${name}`;
    if (statSync(path.join(root, file)).isDirectory()) return sourceFiles(root, file);
    return /\.tsx?$/.test(name) ? [file] : [];
  });
}

/** A worker's script that is named by its address (`?worker`) runs on a thread of its own: it is no import. */
function resolved(graph, from, specifier) {
  if (specifier.includes('?')) return undefined;
  const base = specifier.startsWith('@/')
    ? `src/${specifier.slice(2)}`
    : specifier.startsWith('.')
      ? path.posix.join(path.posix.dirname(from), specifier)
      : undefined;
  return base && [base, `${base}.ts`, `${base}.tsx`].find((file) => graph.has(file));
}
