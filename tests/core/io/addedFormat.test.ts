// A dummy on the list of image formats is recognised, read, written, named and explained, with no other file touched.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FORMATS } from '@/core/io/formats';
import { hasBytes, type ImageFormat } from '@/core/io/imageFormat';
import { memoryFile } from '@/core/io/sourceFile';

const LIST = FORMATS as unknown as ImageFormat[];
const WIDTH = 4;

/** A picture of bytes behind four letters. */
const DUMMY: ImageFormat = {
  kind: 'dummy',
  family: 'picture',
  label: 'Dummy',
  endings: ['.dummy'],
  nnunet: { NaturalImage2DIO: ['.dummy'] },
  isStart: (start) => hasBytes(start, 'DUMY'),
  decode: async (file) => {
    const data = (await file.bytes()).slice(4);
    return { shape: [data.length / WIDTH, WIDTH], data };
  },
  resultEndings: ['.dummy'],
  write: async (labels) => Uint8Array.of(...new TextEncoder().encode('DUMY'), ...labels),
};

// Before what derives from the list is loaded.
beforeAll(() => void LIST.push(DUMMY));
afterAll(() => void LIST.pop());

const PIXELS = Uint8Array.of(0, 0, 1, 1, 0, 2, 2, 0, 0, 0, 0, 3);
const file = (name: string) => memoryFile(Uint8Array.of(68, 85, 77, 89, ...PIXELS), name);

test('is recognised, by content and by name', async () => {
  const { sniff } = await import('@/core/io/sniff');
  const { findCases } = await import('@/core/io/cases');
  expect(await sniff(file('without-ending'))).toBe('dummy');
  const { cases } = await findCases([file('a_0000.dummy')]);
  expect(cases.map(({ caseId }) => caseId)).toEqual(['a']);
});

test('is read and written', async () => {
  const { readAsStored, writeCase } = await import('@/core/io/readers');
  const { data, shape, geometry } = await readAsStored([file('a.dummy')]);
  expect([...data]).toEqual([...PIXELS]);
  const [written] = await writeCase(PIXELS, shape, geometry);
  expect(written.ending).toBe('.dummy');
  expect([...(await readAsStored([memoryFile(written.content, 'b.dummy')])).data]).toEqual([...PIXELS]);
});

test('is an ending of datasets and of results', async () => {
  const { datasetEndings, readerByEnding } = await import('@/core/io/readers');
  const { resultEnding } = await import('@/core/io/imageNames');
  expect(datasetEndings()).toContain('.dummy');
  expect(readerByEnding('.dummy').name).toBe('NaturalImage2DIO');
  expect(resultEnding('out.dummy')).toBe('.dummy');
});

test('is named to people', async () => {
  const { formatLabels } = await import('@/core/io/formats');
  expect(formatLabels()).toContain('Dummy');
});
