// A model of the library on its way out of the browser.

import type { ModelSharing } from '@/core/interop/bundleManifest';
import { datasetDocumentOf, plansDocumentOf } from '@/core/interop/modelDocuments';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { pythonJson } from '@/core/interop/pythonJson';
import { readText } from '@/core/io/sourceFile';
import { type ZipPart, type ZipStreamOptions, zipPart } from '@/core/io/zipStream';
import { plansJson } from '@/core/planning/writePlans';
import type { ModelLibrary } from '@/storage/modelLibrary';
import type { ExportFormat, ExportProgress, SavedFile } from '@/workers/files/api';
import { bundleName, bundleParts, exportedName, type ModelToExport, nnunetParts } from './exportModel';
import { exportOnnx } from './exportOnnx';

export interface ExportLibraryModelRequest {
  readonly library: ModelLibrary;
  readonly modelId: string;
  readonly format: ExportFormat;
  readonly sharing: ModelSharing;
  /** Puts an archive together where it can be saved from. */
  readonly writeArchive: (
    what: string,
    parts: readonly ZipPart[],
    options: ZipStreamOptions,
  ) => Promise<Blob>;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ExportProgress) => void;
}

/** Throws `ModelMissing`, `ModelDamaged`, `StorageFull`. */
export async function exportLibraryModel(job: ExportLibraryModelRequest): Promise<SavedFile> {
  const { library, modelId, sharing } = job;
  const record = await library.find(modelId);
  const source: ModelToExport = {
    ...record,
    files: await library.files(modelId),
    loadFold: (fold) => library.loadFold(modelId, fold),
  };
  switch (job.format) {
    case 'nnunet':
      return archive(job, `${exportedName(record.model)}.zip`, nnunetParts(source));
    case 'bundle':
      return archive(job, bundleName(record.model), bundleParts(source, sharing));
    case 'files':
      return archive(
        job,
        `${exportedName(record.model)}.zip`,
        source.files.map((file) => zipPart(file)),
      );
    case 'onnx':
      return onnxFile(source, sharing, job);
    default:
      return job.format satisfies never;
  }
}

async function archive(
  { writeArchive, signal, onProgress }: ExportLibraryModelRequest,
  name: string,
  parts: readonly ZipPart[],
): Promise<SavedFile> {
  const total = parts.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, 1);
  const content = await writeArchive(name, parts, {
    signal,
    onProgress: (bytes) => onProgress({ stage: 'writing', done: Math.min(bytes, total), total }),
  });
  return { name, content };
}

/** One file, its folds averaged inside. */
async function onnxFile(
  source: ModelToExport,
  { licence, citation }: ModelSharing,
  { signal }: ExportLibraryModelRequest,
): Promise<SavedFile> {
  const { model, files, loadFold } = source;
  const textOf = async (path: string, otherwise: () => string) => {
    const file = files.find((each) => each.path === path);
    return file ? readText(file) : otherwise();
  };
  const written = exportOnnx({
    model,
    loadFold,
    documents: {
      plansJson: await textOf(NNUNET_FILES.plans, () => plansJson(plansDocumentOf(model))),
      datasetJson: await textOf(NNUNET_FILES.dataset, () => pythonJson(datasetDocumentOf(model))),
    },
    shouldAverageFolds: true,
    ...(licence && { license: licence }),
    ...(citation && { citation }),
  });
  for await (const { name, content } of written) {
    signal.throwIfAborted();
    return { name, content: new Blob([content as BlobPart]) };
  }
  throw new Error('exportOnnx wrote no file');
}
