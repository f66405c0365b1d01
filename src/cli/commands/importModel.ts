import path from 'node:path';
import { sniffFolder } from '@/core/io/sniff';
import type { SourceFile } from '@/core/io/sourceFile';
import { openZip } from '@/core/io/zip';
import { StudioError } from '@/shared/errors';
import { kindOf, nodeFile, resultFolder } from '@/storage/nodeFiles';
import { type Command, EXIT } from '../command';
import { nnunetResults } from '../modelSource';
import { type ParsedOptions, UsageError } from '../options';

export const importModelCommand: Command = {
  name: 'import_model',
  summary: 'unpacks a model zip of nnUNetv2_export_model_to_zip into nnUNet_results',
  usage: 'ZIP',
  options: [],
  notes: ['Files that are there already are replaced, as nnUNetv2_install_pretrained_model_from_zip does.'],
  examples: ['nnstudio import_model hippocampus.zip'],
  run,
};

async function run({ positionals }: ParsedOptions, signal: AbortSignal): Promise<number> {
  const [location] = positionals;
  if (location === undefined) throw new UsageError('Name the zip of a model.');
  if ((await kindOf(location)) !== 'file') throw new UsageError(`${location} is not a file.`);
  const results = nnunetResults();
  const entries = await openZip(await nodeFile(location));
  if (sniffFolder(entries) !== 'nnunet-model' || !entries.every(isBelowDataset)) {
    throw new StudioError(
      'NoModel',
      `${location} is not laid out as DatasetXXX_Name/Trainer__Plans__configuration/….`,
      'Use nnUNetv2_export_model_to_zip to make one; predict -m takes other layouts as they are.',
    );
  }
  const folder = resultFolder(results);
  for (const entry of entries) {
    signal.throwIfAborted();
    await folder.write(entry.path, await entry.bytes());
  }
  const models = new Set(
    entries.map(({ path: name }) => path.dirname(name)).filter((name) => /\/[^/]+__[^/]+__[^/]+$/.test(name)),
  );
  for (const name of models) console.log(path.join(results, name));
  return EXIT.ok;
}

function isBelowDataset({ path: name }: SourceFile): boolean {
  return /^Dataset\d{3}_[^/]+\/./.test(name) || !name.includes('/');
}
