import path from 'node:path';
import { nnunetParts } from '@/app/exportModel';
import { MIMETYPE_FILE } from '@/core/interop/bundleManifest';
import { importModel } from '@/core/interop/importModel';
import { sniffFolder } from '@/core/io/sniff';
import type { SourceFile } from '@/core/io/sourceFile';
import { openZip } from '@/core/io/zip';
import { type ZipPart, zipPart } from '@/core/io/zipStream';
import { StudioError } from '@/shared/errors';
import { kindOf, nodeFile } from '@/storage/nodeFiles';
import { Outputs } from '@/storage/outputs';
import { type Command, EXIT } from '../command';
import { nnunetResults } from '../modelSource';
import { type ParsedOptions, UsageError } from '../options';

export const importModelCommand: Command = {
  name: 'import_model',
  summary: 'unpacks a model zip of nnU-Net, or a bundle, into nnUNet_results',
  usage: 'FILE',
  options: [],
  notes: [
    'Files that are there already are replaced, as nnUNetv2_install_pretrained_model_from_zip does.',
    'Checkpoints of a bundle are written for nnU-Net, with an optimiser that has seen nothing.',
  ],
  examples: ['nnstudio import_model hippocampus.zip', 'nnstudio import_model hippocampus.nnstudio'],
  run,
};

/** The same by nnU-Net's own name. */
export const installPretrainedModelCommand: Command = {
  ...importModelCommand,
  name: 'install_pretrained_model_from_zip',
  summary: 'the same as import_model',
  examples: ['nnstudio install_pretrained_model_from_zip hippocampus.zip'],
};

async function run({ positionals }: ParsedOptions, signal: AbortSignal): Promise<number> {
  const [location] = positionals;
  if (location === undefined) throw new UsageError('Name the zip of a model, or a bundle.');
  if ((await kindOf(location)) !== 'file') throw new UsageError(`${location} is not a file.`);
  const results = nnunetResults();
  const file = await nodeFile(location);
  const entries = await openZip(file);
  const parts = entries.some((entry) => entry.path === MIMETYPE_FILE)
    ? await partsOfBundle(file, entries)
    : partsOfZip(location, entries);
  const outputs = await Outputs.beside([location]);
  await outputs.assertFolderFree(
    results,
    parts.map((part) => part.path),
  );
  const folder = outputs.folder(results);
  for (const part of parts) {
    signal.throwIfAborted();
    await folder.write(part.path, await (await part.open()).bytes());
  }
  const models = new Set(
    parts.map((part) => path.dirname(part.path)).filter((name) => /\/[^/]+__[^/]+__[^/]+$/.test(name)),
  );
  for (const name of models) console.log(path.join(results, name));
  return EXIT.ok;
}

/** Read as any model is, so that nothing damaged is unpacked; whatever the file is called. */
async function partsOfBundle(file: SourceFile, entries: readonly SourceFile[]): Promise<readonly ZipPart[]> {
  const inside = entries.map((entry) => ({ ...entry, path: `${file.path}/${entry.path}` }));
  const [imported] = await importModel(inside);
  return nnunetParts(imported);
}

function partsOfZip(location: string, entries: readonly SourceFile[]): readonly ZipPart[] {
  if (sniffFolder(entries) === 'nnunet-model' && entries.every(isBelowDataset)) {
    return entries.map((entry) => zipPart(entry));
  }
  throw new StudioError(
    'NoModel',
    `${location} is not laid out as DatasetXXX_Name/Trainer__Plans__configuration/….`,
    'Use nnUNetv2_export_model_to_zip to make one; predict -m takes other layouts as they are.',
  );
}

function isBelowDataset({ path: name }: SourceFile): boolean {
  return /^Dataset\d{3}_[^/]+\/./.test(name) || !name.includes('/');
}
