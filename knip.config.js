// What `npm run check:unused` looks at: no file, export or dependency that nothing uses (the whole project), and nothing
// in src that tests alone use (`--production`; there an export may be for a test if its own file uses it too).
const isProduction = process.argv.includes('--production');

/** A `!` marks what runs in production. */
export default {
  entry: [
    'src/cli/nnstudio.ts!',
    'src/library/*.ts!',
    'workers/*.ts!',
    'bin/*.mjs!',
    'scripts/*.mjs',
    'scripts/sample/makeSample.ts',
    'tests/conformance/*.ts',
    'tests/bench/*.ts',
    'tests/bench/*/page/{main,vite.config}.ts',
    'tests/e2e/pages/*/{main,vite.config,*.worker}.ts',
    // Started as processes of their own.
    'tests/support/dieInWrite.mjs',
    'tests/storage/checkpointWriter.ts',
    // Definitions in f64, which the kernels and the engine are tested against.
    ...(isProduction ? ['src/**/*.reference.ts!', 'src/graph/{interpreter,trainingReferences}.ts!'] : []),
  ],
  project: ['src/**!', 'workers/**!', 'bin/*.mjs!', '!bin/*.d.mts!', 'scripts/**', 'tests/**', '*.ts'],
  ignoreExportsUsedInFile: isProduction,
  // Debian's, where the machine has it.
  ignoreBinaries: isProduction ? [] : ['apt-cache'],
};
