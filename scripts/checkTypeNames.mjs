// Refuses type names with two meanings: exported from two files of src, or the name of one of the platform's types
// (`Storage`, `Window`, …), which a forgotten import would silently stand for. `checkTypeNames.mjs ROOT` checks another
// copy of the project.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { projectRoot } from './support/command.mjs';

const root = path.resolve(process.argv[2] ?? projectRoot);

const EXPORTED_TYPE = /^export (?:declare )?(?:abstract )?(?:interface|type|class|enum) (\w+)/gm;
const PLATFORM_TYPE = /^(?:declare )?(?:interface|type|class|var) (\w+)/gm;
/** The compiler's files on the language and on the browser. */
const PLATFORM_FILE = /^lib\.(dom|es\d+)\b.*\.d\.ts$/;

/** @param {string} source @param {RegExp} pattern */
function namesIn(source, pattern) {
  return Array.from(source.matchAll(pattern), ([, name]) => name);
}

/** Where the compiler for this machine, an optional dependency of `typescript`, keeps the types of the platform. */
const require = createRequire(createRequire(import.meta.url).resolve('typescript/package.json'));
const compiler = require.resolve(`@typescript/typescript-${process.platform}-${process.arch}/package.json`);
const platform = path.join(path.dirname(compiler), 'lib');
const platformNames = new Set(
  readdirSync(platform)
    .filter((file) => PLATFORM_FILE.test(file))
    .flatMap((file) => namesIn(readFileSync(path.join(platform, file), 'utf8'), PLATFORM_TYPE)),
);

/** @type {Map<string, string[]>} */
const filesByName = new Map();
const files = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file))
  .sort();
for (const file of files) {
  for (const name of namesIn(readFileSync(path.join(root, 'src', file), 'utf8'), EXPORTED_TYPE)) {
    filesByName.set(name, [...(filesByName.get(name) ?? []), `src/${file}`]);
  }
}

const problems = [...filesByName].flatMap(([name, [first, ...others]]) => [
  ...(others.length > 0 ? [`${name} is exported by ${[first, ...others].join(' and ')}`] : []),
  ...(platformNames.has(name) ? [`${name} (${first}) is the name of one of the platform's types`] : []),
]);
for (const problem of problems) console.error(problem);
console.log(`type names: ${filesByName.size} exported, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
