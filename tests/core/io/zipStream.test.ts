import { describe, expect, test } from 'vitest';
import { memoryFile, textFile } from '@/core/io/sourceFile';
import { openZip } from '@/core/io/zip';
import { MemorySink, streamZip, writeZip, type ZipSink, zipPart, zipSize } from '@/core/io/zipStream';

const bytes = (size: number) => Uint8Array.from({ length: size }, (_, i) => (i * 7) % 251);

async function archive(files: Readonly<Record<string, Uint8Array>>, limit32?: number): Promise<Uint8Array> {
  const sink = new MemorySink();
  const parts = Object.entries(files).map(([path, content]) => zipPart(memoryFile(content, path)));
  const size = await streamZip(sink, parts, limit32 === undefined ? {} : { limit32 });
  expect(size).toBe(sink.bytes().length);
  return sink.bytes();
}

/** As buffers, which compare quickly. */
async function contentOf(zip: Uint8Array): Promise<Record<string, Buffer>> {
  const entries = await openZip(memoryFile(zip, 'test.zip'));
  return Object.fromEntries(
    await Promise.all(entries.map(async (entry) => [entry.path, Buffer.from(await entry.bytes())])),
  );
}

describe('a streamed archive', () => {
  const files = { 'a/plans.json': bytes(300), 'ä.bin': bytes(4_300_000), empty: new Uint8Array() };

  function expectSame(found: Record<string, Buffer>, expected: Readonly<Record<string, Uint8Array>>): void {
    expect(Object.keys(found)).toEqual(Object.keys(expected));
    for (const [path, content] of Object.entries(expected))
      expect(found[path].equals(content), path).toBe(true);
  }

  test('holds what went in, and as many bytes as were told before', async () => {
    const zip = await archive(files);
    expectSame(await contentOf(zip), files);
    const told = zipSize(Object.entries(files).map(([path, content]) => zipPart(memoryFile(content, path))));
    expect(told).toBe(zip.length);
  });

  test('uses zip64 where a size or a place is beyond the limit', async () => {
    const zip = await archive(files, 1000);
    expectSame(await contentOf(zip), files);
    expect(zip.length).toBeGreaterThan((await archive(files)).length + 100);
  });

  test('is the archive that is written at once', async () => {
    const content = { 'one.txt': bytes(10), 'two.txt': bytes(20) };
    const atOnce = writeZip(Object.entries(content).map(([path, each]) => ({ path, content: each })));
    expect(Buffer.compare(await archive(content), atOnce)).toBe(0);
  });

  test.each([undefined, 1000])(
    'deflates the parts that ask for it (limit of 32 bits: %s)',
    async (limit32) => {
      const content = { 'many.txt': bytes(4_300_000), 'few.txt': bytes(3) };
      const parts = Object.entries(content).map(([path, each]) => zipPart(memoryFile(each, path)));
      const sink = new MemorySink();
      const compressed = parts.map((part) => ({ ...part, isCompressed: true }));
      await streamZip(sink, compressed, limit32 === undefined ? {} : { limit32 });
      expectSame(await contentOf(sink.bytes()), content);
      expect(sink.bytes().length).toBeLessThan(100_000);
      expect(sink.blob().size).toBe(sink.bytes().length);
    },
  );

  test('stops when it is cancelled', async () => {
    const controller = new AbortController();
    let written = 0;
    const sink: ZipSink = {
      write: async (piece) => {
        written += piece.length;
        controller.abort();
      },
    };
    const parts = [zipPart(memoryFile(bytes(100), 'a')), zipPart(memoryFile(bytes(100), 'b'))];
    await expect(streamZip(sink, parts, { signal: controller.signal })).rejects.toThrow(/abort/i);
    expect(written).toBeLessThan(60);
  });

  test.each(['stored', 'deflated'])('does not pass on a damaged entry that was %s', async (how) => {
    const inner =
      how === 'stored'
        ? writeZip([{ path: 'x', content: bytes(5000) }])
        : writeZip([{ path: 'x', content: bytes(5000), isCompressed: true }]);
    inner[100] ^= 1;
    const [entry] = await openZip(memoryFile(inner, 'inner.zip'));
    await expect(streamZip(new MemorySink(), [zipPart(entry)])).rejects.toMatchObject({ name: 'BadZip' });
  });

  test('text is UTF-8', async () => {
    const sink = new MemorySink();
    await streamZip(sink, [zipPart(textFile('grün', 'a.txt'))]);
    expect(new TextDecoder().decode((await contentOf(sink.bytes()))['a.txt'])).toBe('grün');
  });
});
