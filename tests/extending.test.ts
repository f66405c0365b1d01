// Dry runs of docs/extending.md: what is forgotten when a thing is added does not compile. All are made at once in one copy
// of the sources. Lists that can be added to at run time have dummies in tests of their own.
import { beforeAll, describe, expect, test } from 'vitest';
import { dryRun, type TypeFault } from './support/dryRun';

let faults: readonly TypeFault[] = [];

beforeAll(() => {
  faults = dryRun({
    insert: {
      'src/graph/value.ts': [
        {
          before: '  readonly concatChannels: Readonly<Record<string, never>>;',
          text: '  readonly dummyOp: { readonly factor: number };\n',
        },
        {
          before: '  readonly zeroGradient: Readonly<Record<string, never>>;',
          text: '  readonly dummyGradient: { readonly factor: number };\n',
        },
      ],
      'src/core/training/trainers.ts': [
        {
          before: '  nnUNetTrainer: DEFAULT_TRAINER,',
          text: '  nnUNetTrainerDummy: { initialLearningRate: 1 },\n',
        },
      ],
      'src/core/preprocessing/normalization/schemes.ts': [
        {
          before: '  noNormalization,\n] as const',
          text: "  { ...noNormalization, name: 'DummyNormalization', needsIntensities: undefined },\n",
        },
      ],
      'src/core/io/formats.ts': [
        {
          before: '  bmpFormat,\n] as const',
          text: "  { ...bmpFormat, kind: 'dummy', label: undefined },\n",
        },
      ],
      'src/ui/placeNames.ts': [
        { before: "  { name: 'system'", text: "  { name: 'dummy', title: 'Dummy', onRail: 'work' },\n" },
      ],
      'src/cli/commandList.ts': [{ before: '  studioCommand,\n]', text: "  { name: 'dummy' },\n" }],
    },
    files: [
      'src/graph/plan.ts',
      'src/graph/interpreter.ts',
      'src/core/interop/onnxExport.ts',
      'src/core/training/trainers.ts',
      'src/core/preprocessing/normalization/schemes.ts',
      'src/core/io/formats.ts',
      'src/ui/places.tsx',
      'src/cli/commandList.ts',
    ],
  });
}, 180_000);

/** The tables of ops, and where else something is lacking. */
const TO_FILL = {
  'an op of networks': [
    'src/core/interop/onnxExport.ts',
    'src/graph/differentiate.ts',
    'src/graph/flops.ts',
    'src/graph/interpreter.ts',
    'src/graph/lowering.ts',
    'src/graph/opTraits.ts',
  ],
  'an op of training': [
    'src/graph/differentiate.ts',
    'src/graph/flops.ts',
    'src/graph/opTraits.ts',
    'src/graph/trainingLowering.ts',
    'src/graph/trainingReferences.ts',
  ],
  'a trainer without its sentence': ['src/core/training/trainers.ts'],
  'a normalisation scheme that does not say what it needs': [
    'src/core/preprocessing/normalization/schemes.ts',
  ],
  'an image format without its name': ['src/core/io/formats.ts'],
  'a command without its help': ['src/cli/commandList.ts'],
  'a place without its page and its icon': ['src/ui/places.tsx'],
} as const;

describe('what is added and then forgotten does not compile', () => {
  test.each(Object.entries(TO_FILL))('%s', (_, files) => {
    const found = new Set(faults.map(({ file }) => file));
    for (const file of files) expect([...found]).toContain(file);
  });

  test('nothing else is to be touched', () => {
    // What walks over the formats says so too.
    const known = new Set<string>([
      ...Object.values(TO_FILL).flat(),
      'src/core/io/imageNames.ts',
      'src/core/io/sniff.ts',
    ]);
    expect(faults.filter(({ file }) => !known.has(file))).toEqual([]);
  });

  test('the page and the icon of a place are both missed', () => {
    const missing = faults.filter(
      ({ file, message }) => file.endsWith('places.tsx') && /'dummy'/.test(message),
    );
    expect(missing).toHaveLength(2);
  });
});
