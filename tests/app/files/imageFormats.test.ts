// Every image format at every place that knows formats, by the one list. A format that is added to the list needs a sample
// here, and is then tried everywhere.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { findPairs } from '@/app/data/recogniseDataset';
import { evaluateCase } from '@/app/evaluate/evaluateCase';
import { displayVolume } from '@/app/files/displayVolume';
import { importFiles } from '@/app/files/importFiles';
import { savedSegmentation } from '@/app/segment/saveResults';
import { inspectCommand } from '@/cli/commands/files/inspect';
import { namedSegmentations } from '@/core/evaluation/pairSegmentations';
import { findCases } from '@/core/io/cases';
import { FORMATS, formatLabels, formatOfKind, resultEndings } from '@/core/io/formats';
import { readImageFacts } from '@/core/io/imageFacts';
import type { ImageFormat } from '@/core/io/imageFormat';
import { imageEnding, resultEnding, withoutImageEnding } from '@/core/io/imageNames';
import type { ImageGeometry } from '@/core/io/medicalImage';
import { newGeometry } from '@/core/io/niftiWriter';
import { datasetEndings, readAsStored, readerByEnding, writeCase } from '@/core/io/readers';
import { sniff } from '@/core/io/sniff';
import { fileName, memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { elementCount, type Zyx } from '@/shared/geometry';
import { runInPauses } from '@/shared/stepwise';
import type { CaseFileStore } from '@/storage/caseFiles';
import { createModelLibrary } from '@/storage/modelLibrary';
import { MemoryRecords } from '../../storage/memoryRecords';
import { dicomSlice } from '../../support/dicom';
import { niftiPair } from '../../support/nifti';

const FORMAT_LIST: readonly ImageFormat[] = FORMATS;
const ROWS = 8;
const COLUMNS = 10;

/** A label map of one box, as all formats can hold it. */
function labelsOf(shape: Zyx): Uint8Array {
  const labels = new Uint8Array(elementCount(shape));
  labels.fill(1, 20, 60);
  return labels;
}

/** A sample: its file, and the file of its voxels behind it. */
type Sample = (name: string) => Promise<readonly SourceFile[]>;

const shapeOf = ({ family }: ImageFormat): Zyx => [family === 'volume' ? 3 : 1, ROWS, COLUMNS];

function placeOf(format: ImageFormat): ImageGeometry {
  return format.family === 'picture'
    ? { format: 'picture', kind: format.kind }
    : newGeometry(shapeOf(format), [3, 1, 1]);
}

/** As the format's own writer has it. */
function written(format: ImageFormat, ending: string): Sample {
  return async (name) => {
    const shape = shapeOf(format);
    const content = await format.write?.(labelsOf(shape), { shape, geometry: placeOf(format), ending });
    if (!content) throw new Error(`${format.kind} writes no ${ending}`);
    return [memoryFile(content, `${name}${ending}`)];
  };
}

const text = (...lines: readonly string[]) => new TextEncoder().encode(lines.join('\n'));
const PAIR = {
  dim: [COLUMNS, ROWS, 3],
  type: 'uint8' as const,
  values: labelsOf([3, ROWS, COLUMNS]),
};

/** Samples of endings that the formats' writers do not write. */
const SAMPLES: Readonly<Record<string, Sample>> = {
  '.hdr': async (name) => {
    const { hdr, img } = niftiPair(PAIR);
    return [memoryFile(hdr, `${name}.hdr`), memoryFile(img, `${name}.img`)];
  },
  '.hdr.gz': async (name) => {
    const { hdr, img } = niftiPair(PAIR);
    return [memoryFile(gzipSync(hdr), `${name}.hdr.gz`), memoryFile(gzipSync(img), `${name}.img.gz`)];
  },
  '.nhdr': async (name) => [
    memoryFile(
      text(
        'NRRD0004',
        'type: unsigned char',
        'dimension: 3',
        'space: left-posterior-superior',
        `sizes: ${COLUMNS} ${ROWS} 3`,
        'space directions: (1,0,0) (0,1,0) (0,0,3)',
        'encoding: raw',
        `data file: ${fileName({ path: name })}.raw`,
        '',
        '',
      ),
      `${name}.nhdr`,
    ),
    memoryFile(labelsOf([3, ROWS, COLUMNS]), `${name}.raw`),
  ],
  '.mhd': async (name) => [
    memoryFile(
      text(
        'ObjectType = Image',
        'NDims = 3',
        `DimSize = ${COLUMNS} ${ROWS} 3`,
        'ElementSpacing = 1 1 3',
        'ElementType = MET_UCHAR',
        `ElementDataFile = ${fileName({ path: name })}.raw`,
        '',
      ),
      `${name}.mhd`,
    ),
    memoryFile(labelsOf([3, ROWS, COLUMNS]), `${name}.raw`),
  ],
  '.gipl.gz': async (name) => {
    const gipl = FORMAT_LIST.find(({ kind }) => kind === 'gipl');
    if (!gipl) throw new Error('there is no GIPL');
    const [file] = await written(gipl, '.gipl')(name);
    return [memoryFile(gzipSync(await file.bytes()), `${name}.gipl.gz`)];
  },
  '': async (name) => [
    memoryFile(dicomSlice({ values: [...labelsOf([1, ROWS, COLUMNS])], columns: COLUMNS, rows: ROWS }), name),
  ],
};

const EVERY = FORMAT_LIST.flatMap((format) =>
  (format.endings.length > 0 ? format.endings : ['']).map((ending) => ({
    kind: format.kind,
    ending,
    format,
    sample: format.resultEndings.includes(ending) ? written(format, ending) : SAMPLES[ending],
  })),
);

function kept() {
  const files = new Map<string, Map<string, SourceFile>>();
  const caseFiles: CaseFileStore = {
    write: async (id, file) => {
      const own = files.get(id) ?? new Map<string, SourceFile>();
      files.set(id, own.set(fileName(file), file));
    },
    open: async (id, name) => files.get(id)?.get(name) ?? Promise.reject(new Error(`no ${name}`)),
    removeCase: async (id) => void files.delete(id),
    cases: async () => [...files.keys()],
  };
  const library = createModelLibrary(new MemoryRecords(), new MemoryRecords());
  const keep = (given: readonly SourceFile[]) =>
    importFiles({ files: given, origin: 'imported', library, caseFiles, open: [], onStep: () => undefined });
  return { keep, caseFiles };
}

const folders: string[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function inspected(files: readonly SourceFile[]): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'formats-'));
  folders.push(folder);
  for (const file of files) writeFileSync(path.join(folder, fileName(file)), await file.bytes());
  const lines: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  vi.spyOn(console, 'error').mockImplementation((line: string) => void lines.push(line));
  const location = path.join(folder, fileName(files[0]));
  await inspectCommand.run({ positionals: [location], values: new Map() }, new AbortController().signal);
  return lines.join('\n');
}

describe.each(EVERY)('$kind $ending', ({ format, kind, ending, sample }) => {
  const shape = shapeOf(format);

  test('is recognised by its content', async () => {
    const [file] = await sample('a');
    expect(await sniff(file)).toBe(kind);
    expect(await sniff({ ...file, path: 'without-ending' })).toBe(kind);
  });

  test('is read, and says what it is', async () => {
    const files = await sample('a');
    const { data } = await readAsStored(files);
    expect([...data]).toEqual([...labelsOf(shape)]);
    expect(await readImageFacts(files)).toMatchObject({ shape, channels: 1 });
  });

  test('is a case by its name, its voxels included', async () => {
    const files = await sample('a_0000');
    const { cases, ignored, others } = await findCases(files);
    expect({ ignored, others }).toEqual({ ignored: [], others: [] });
    expect(cases.map((one) => one.files.length)).toEqual([files.length]);
    if (ending !== '') expect(cases[0].caseId).toBe('a');
  });

  test('has a stem', () => {
    if (ending === '') return;
    for (const own of [ending, ending.toUpperCase()]) {
      expect(withoutImageEnding(`p.q/a.b${own}`)).toBe('p.q/a.b');
      expect(imageEnding(`a${own}`)).toBe(own);
    }
  });

  test('is explained by inspect', async () => {
    const report = await inspected(await sample('a'));
    expect(report).toContain(`Image a${ending}`);
    expect(report).toMatch(new RegExp(`${COLUMNS} × ${ROWS} × ${shape[0]}`));
    expect(report).not.toContain('Cannot be used');
  });

  test('is shown by the viewer', async () => {
    const image = await readAsStored(await sample('a'));
    const shown = displayVolume(image, 0);
    expect(shown.shape).toEqual([COLUMNS, ROWS, shape[0]]);
    if (format.family === 'picture') expect(shown.hasMillimetres).toBe(false);
    if (format.family === 'volume' && kind !== 'nifti-header')
      expect(shown.isOriented).toBe(format.saysOrientation);
  });

  test('is taken where it is dropped, and its result is saved in its format', async () => {
    const { keep, caseFiles } = kept();
    const label = ending === '' ? undefined : await sample('a');
    const given = [...(await sample(ending === '' ? 'a' : 'a_0000')), ...(label?.slice(0, 1) ?? [])];
    const isPair = (label?.length ?? 0) > 1;
    const report = await keep(isPair ? await sample('a') : given);
    expect(report.cases).toHaveLength(1);
    expect(report.problems.filter(({ isNote }) => !isNote)).toEqual([]);
    if (!label || isPair) return;
    const [record] = report.cases;
    expect(record.result, 'the label map beside the image').toBeDefined();
    const saved = await savedSegmentation(caseFiles, record);
    const expected = kind.startsWith('nifti') ? '.nii.gz' : format.resultEndings[0];
    expect(saved.name).toBe(`a${expected}`);
  });

  test('is a label map to be evaluated, in mm³ where it has mm', async () => {
    if (ending === '') return;
    const files = await sample('a');
    const found = namedSegmentations(files);
    expect(found.map(({ name, files: own }) => [name, own.length])).toEqual([['a', files.length]]);
    const image = await readAsStored(found[0].files);
    const evaluation = await runInPauses(
      evaluateCase(
        'a',
        { prediction: image, reference: image },
        { labels: [{ values: [1], name: 'box' }], ignoreLabel: undefined, toleranceMm: 1 },
      ),
      {},
    );
    if ('error' in evaluation) throw new Error(evaluation.error);
    expect(Number.isNaN(evaluation.voxelMl)).toBe(format.family === 'picture');
  });

  test('under a name that no image has, the answer says what it is', async () => {
    if (ending === '') return;
    const [file] = await sample('a');
    const { problems } = await kept().keep([{ ...file, path: 'a.scan' }]);
    expect(problems.map(({ message }) => message).join()).toMatch(
      new RegExp(`a\\.scan is an image \\(${format.label}\\) with another ending. Rename it to end in .*\\.`),
    );
  });
});

describe.each(resultEndings().map((ending) => ({ ending })))('results that end in $ending', ({ ending }) => {
  const format = FORMAT_LIST.find(({ resultEndings: own }) => own.includes(ending));
  if (!format) throw new Error(`no format writes ${ending}`);

  test('are written in that format, whatever the image is', async () => {
    const shape: Zyx = [1, ROWS, COLUMNS];
    const places: readonly ImageGeometry[] = [
      newGeometry(shape, [3, 1, 1]),
      { format: 'picture', kind: 'png' },
    ];
    for (const geometry of places) {
      const [file] = await writeCase(labelsOf(shape), shape, geometry, { ending });
      expect(file.ending).toBe(ending);
      const read = memoryFile(file.content, `a${ending}`);
      expect(await sniff(read)).toBe(format.kind);
      expect([...(await readAsStored([read])).data]).toEqual([...labelsOf(shape)]);
    }
  });

  test('can be asked for by name', () => {
    expect(resultEnding(`out/a.b${ending}`)).toBe(ending);
  });
});

test('inspect takes the voxel size of a TIFF stack from beside it', async () => {
  const shape: Zyx = [5, ROWS, COLUMNS];
  const files = await writeCase(labelsOf(shape), shape, { format: 'tiff-stack', spacing: [4, 3, 2] });
  const report = await inspected(files.map(({ ending, content }) => memoryFile(content, `a${ending}`)));
  expect(report).toContain('2 × 3 × 4 mm');
  expect(report).not.toContain('is assumed');
});

test('NIfTI is packed where its ending says so', async () => {
  const shape: Zyx = [3, ROWS, COLUMNS];
  const bytesOf = async (ending: string) =>
    (await writeCase(labelsOf(shape), shape, newGeometry(shape, [3, 1, 1]), { ending }))[0].content;
  expect(gunzipSync(await bytesOf('.nii.gz'))).toEqual(Buffer.from(await bytesOf('.nii')));
});

describe.each(datasetEndings().map((ending) => ({ ending })))('datasets of $ending', ({ ending }) => {
  test('have a reader, and are recognised without a dataset.json', () => {
    expect(readerByEnding(ending).endings).toContain(ending);
    const file = (name: string) => memoryFile(new Uint8Array(1), name);
    const found = findPairs([file(`images/a${ending}`), file(`labels/a${ending}`)]);
    expect(found?.fileEnding).toBe(ending);
    expect(found?.pairs.cases.map(({ caseId }) => caseId)).toEqual(['a']);
  });
});

test.each(
  FORMAT_LIST.flatMap(({ kind, voxelEndings = {} }) =>
    Object.entries(voxelEndings).flatMap(([header, voxels]) =>
      voxels.flatMap((one) => [one, `${one}.gz`].map((voxel) => ({ kind, header, voxel }))),
    ),
  ),
)('$kind: the voxels of a$header may be in a$voxel', async ({ header, voxel }) => {
  const file = (name: string) => memoryFile(Uint8Array.of(1), name);
  const { cases, ignored, others } = await findCases([file(`a${voxel}`), file(`a${header}`)]);
  expect(cases.map(({ caseId, files }) => [caseId, files.map((one) => one.path)])).toEqual([
    ['a', [`a${header}`, `a${voxel}`]],
  ]);
  expect([...ignored, ...others]).toEqual([]);
});

test('a common ending alone makes no file a part of an image', async () => {
  const { cases, ignored, others } = await findCases([memoryFile(Uint8Array.of(1, 2, 3), 'weights.bin')]);
  expect(cases).toEqual([]);
  expect(ignored).toEqual([]);
  expect(others).toHaveLength(1);
});

describe('words', () => {
  test.each(['README.md', 'docs/studio.md'])('%s names every format', (file) => {
    const content = readFileSync(path.resolve(file), 'utf8');
    for (const label of formatLabels()) expect(content, label).toContain(label);
  });

  test('what is of no use is told which formats there are', async () => {
    const { problems } = await kept().keep([memoryFile(text('hello'), 'notes.xyz')]);
    for (const label of formatLabels()) expect(problems[0].message).toContain(label);
  });

  test('every kind has one format', () => {
    for (const { kind } of FORMAT_LIST) {
      expect(FORMAT_LIST.filter((one) => one.kind === kind)).toHaveLength(1);
      expect(formatOfKind(kind)?.kind).toBe(kind);
    }
  });
});
