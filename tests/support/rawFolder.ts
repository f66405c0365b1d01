// A raw dataset folder of golden data, read case by case.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { readDatasetJson } from '@/core/interop/readDatasetJson';
import type { MedicalImage } from '@/core/io/medicalImage';
import { readCase, readerByEnding } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';

export function openRawFolder(folder: string) {
  const text = readFileSync(path.join(folder, 'dataset.json'), 'utf8');
  const dataset = readDatasetJson(text, 'dataset.json');
  const reader: string =
    JSON.parse(text).overwrite_image_reader_writer ?? readerByEnding(dataset.fileEnding).name;
  const labels = path.join(folder, 'labelsTr');
  const images = path.join(folder, 'imagesTr');
  const caseIds = readdirSync(labels)
    .filter((name) => name.endsWith(dataset.fileEnding))
    .map((name) => name.slice(0, -dataset.fileEnding.length))
    .sort();
  return {
    dataset,
    caseIds,
    readSeg: (caseId: string) => readImage([path.join(labels, caseId + dataset.fileEnding)], reader),
    readImage: (caseId: string) => {
      const isChannel = (name: string) => name.startsWith(`${caseId}_`) && name.endsWith(dataset.fileEnding);
      const names = readdirSync(images).filter(isChannel).sort();
      return readImage(
        names.map((name) => path.join(images, name)),
        reader,
      );
    },
  };
}

async function readImage(files: readonly string[], reader: string): Promise<MedicalImage> {
  const sources = files.map((file) => memoryFile(new Uint8Array(readFileSync(file)), file));
  return readCase(sources, reader);
}
