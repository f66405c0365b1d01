import { beforeAll, describe, expect, test } from 'vitest';
import { exportLibraryModel } from '@/app/models/exportLibraryModel';
import { importModel } from '@/core/interop/importModel';
import { memoryFile } from '@/core/io/sourceFile';
import { MemorySink, streamZip } from '@/core/io/zipStream';
import { createModelLibrary, type ModelLibrary } from '@/storage/modelLibrary';
import type { ExportFormat, ExportProgress } from '@/workers/files/api';
import { MemoryRecords } from '../../storage/memoryRecords';
import { modelFolderFiles } from '../../support/modelFolder';

let library: ModelLibrary;
let chunks: MemoryRecords;
let modelId = '';

beforeAll(async () => {
  chunks = new MemoryRecords();
  library = createModelLibrary(new MemoryRecords(), chunks);
  const [imported] = await importModel(modelFolderFiles({ folds: ['0', '1'] }));
  const record = await library.add({ ...imported, name: 'Tiny', source: 'tiny', origin: 'imported' });
  modelId = record.id;
});

async function exported(format: ExportFormat, signal = new AbortController().signal) {
  const progress: ExportProgress[] = [];
  const { name, content } = await exportLibraryModel({
    library,
    modelId,
    format,
    sharing: { licence: 'CC BY 4.0' },
    writeArchive: async (_, parts, options) => {
      const sink = new MemorySink();
      await streamZip(sink, parts, options);
      return new Blob([sink.bytes()]);
    },
    signal,
    onProgress: (each) => progress.push(each),
  });
  const file = memoryFile(new Uint8Array(await content.arrayBuffer()), name);
  return { file, progress };
}

describe('a model of the library', () => {
  test.each([
    ['nnunet', 'Dataset001_Tiny__nnUNetTrainer__nnUNetPlans__3d_fullres.zip'],
    ['bundle', 'Dataset001_Tiny__nnUNetTrainer__nnUNetPlans__3d_fullres.nnstudio'],
    ['onnx', 'Dataset001_Tiny__nnUNetTrainer__nnUNetPlans__3d_fullres__folds_0_1.onnx'],
    ['files', 'Dataset001_Tiny__nnUNetTrainer__nnUNetPlans__3d_fullres.zip'],
  ] as const)('leaves as %s, and is a model again', async (format, name) => {
    const { file } = await exported(format);
    expect(file.path).toBe(name);
    if (format === 'files') return;
    const [again] = await importModel([file]);
    const { model } = await library.find(modelId);
    expect(again.model.plans).toEqual(model.plans);
    expect(again.model.folds).toHaveLength(2);
    expect(await again.loadFold('1')).toEqual(await library.loadFold(modelId, '1'));
  });

  test('tells how far it is, to the end', async () => {
    const { progress } = await exported('nnunet');
    const last = progress.at(-1);
    expect(last?.done).toBe(last?.total);
    const done = progress.map((each) => each.done);
    expect(done.toSorted((a, b) => a - b)).toEqual(done);
  });

  test('stops when it is cancelled', async () => {
    await expect(exported('bundle', AbortSignal.abort())).rejects.toThrow(/abort/i);
  });

  test('is not handed on damaged', async () => {
    const { files = [] } = await library.find(modelId);
    const checkpoint = files.find(({ path }) => path.endsWith('fold_1/checkpoint_final.pth'));
    const [{ key }] = checkpoint?.chunks ?? [];
    const whole = await chunks.get<Uint8Array>(key);
    await chunks.remove([key]);
    for (const format of ['nnunet', 'bundle', 'onnx'] as const) {
      await expect(exported(format)).rejects.toMatchObject({
        name: 'ModelDamaged',
        message: expect.stringContaining('fold_1/checkpoint_final.pth'),
      });
    }
    await chunks.set(key, whole);
  });
});
