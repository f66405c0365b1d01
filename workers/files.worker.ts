// Reads, checks and keeps files, off the page's thread.
import { transfer } from 'comlink';
import { displayLabels } from '@/app/files/displayLabels';
import { displayVolume } from '@/app/files/displayVolume';
import { importFiles } from '@/app/files/importFiles';
import { exportLibraryModel } from '@/app/models/exportLibraryModel';
import { savedProbabilities, savedSegmentation, savedZip } from '@/app/segment/saveResults';
import { readAsStored } from '@/core/io/readers';
import { browserFile } from '@/core/io/sourceFile';
import { throttled } from '@/shared/throttledProgress';
import { sweepArchives, writeBrowserArchive } from '@/storage/browserArchive';
import { browserRecords, DATABASES } from '@/storage/browserRecords';
import { browserCaseFiles } from '@/storage/caseFiles';
import { SEGMENTATION_FILE } from '@/storage/caseRecord';
import { createModelLibrary } from '@/storage/modelLibrary';
import type { FilesApi } from '@/workers/files/api';
import { serve } from '@/workers/workerSide';

const caseFiles = browserCaseFiles;
const library = createModelLibrary(browserRecords(DATABASES.models), browserRecords(DATABASES.weights));

/** Under way, by the id of their call. */
const exports = new Map<string, AbortController>();

const api: FilesApi = {
  add: (given, origin, open, onStep) =>
    importFiles({
      files: given.map(({ path, content }) => browserFile(content, path)),
      origin,
      library,
      caseFiles,
      open,
      onStep,
    }),

  async showImage({ id, files }, channel) {
    const sources = await Promise.all(files.map((name) => caseFiles.open(id, name)));
    const volume = displayVolume(await readAsStored(sources), channel);
    return transfer(volume, [volume.voxels.buffer]);
  },

  async showSegmentation(id) {
    const labels = await displayLabels(await caseFiles.open(id, SEGMENTATION_FILE));
    return transfer(labels, [labels.voxels.buffer]);
  },

  saveSegmentation: (caseRecord) => savedSegmentation(caseFiles, caseRecord),
  saveProbabilities: (caseRecord) => savedProbabilities(caseFiles, caseRecord),
  saveAll: (cases) => savedZip(caseFiles, cases),

  async exportModel(modelId, format, sharing, callId, onProgress) {
    const controller = new AbortController();
    exports.set(callId, controller);
    try {
      return await exportLibraryModel({
        library,
        modelId,
        format,
        sharing,
        writeArchive: writeBrowserArchive,
        signal: controller.signal,
        onProgress: throttled(onProgress),
      });
    } finally {
      exports.delete(callId);
    }
  },

  cancelExport: (callId) => exports.get(callId)?.abort(),

  async removeCases(ids) {
    for (const id of ids) await caseFiles.removeCase(id);
  },

  async sweep(keptCaseIds) {
    await sweepArchives();
    const kept = new Set(keptCaseIds);
    for (const id of await caseFiles.cases()) if (!kept.has(id)) await caseFiles.removeCase(id);
  },
};

serve(api);
