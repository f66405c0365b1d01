import path from 'node:path';
import { assertNothingReplaced, replacedBy } from '@/app/models/importIntoResults';
import { modelArchiveParts } from '@/app/models/modelArchive';
import { importModels } from '@/core/interop/importModel';
import type { SourceFile } from '@/core/io/sourceFile';
import type { ZipPart } from '@/core/io/zipStream';
import { outsideTrainer } from '@/core/training/trainerName';
import { filesBelow, kindOf, nodeDatasetFolder, nodeFile } from '@/storage/nodeFiles';
import { unpackInto } from '@/storage/nodeUnpack';
import { Outputs } from '@/storage/outputs';
import { type Command, EXIT } from '../../command';
import { nnunetResults } from '../../modelSource';
import { isGiven, type ParsedOptions, UsageError } from '../../options';

export const importModelCommand: Command = {
  name: 'import_model',
  aliases: ['install_pretrained_model_from_zip'],
  summary: 'unpacks a model zip of nnU-Net, or a bundle, into nnUNet_results',
  usage: 'FILE',
  options: [
    {
      names: ['--force'],
      kind: 'flag',
      description: 'replaces folds and models that are there already',
    },
  ],
  notes: [
    'A fold that is there already, or a folder of that name whose plans or labels are others, is not replaced without --force.',
    'Checkpoints of a bundle are written for nnU-Net, with an optimiser that has seen nothing.',
  ],
  examples: ['nnstudio import_model hippocampus.zip', 'nnstudio import_model hippocampus.nnstudio'],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const [location] = options.positionals;
  if (location === undefined) throw new UsageError('Name the zip of a model, or a bundle.');
  if ((await kindOf(location)) !== 'file') throw new UsageError(`${location} is not a file.`);
  const results = nnunetResults();
  const file = await nodeFile(location);
  const parts = await modelArchiveParts(file);
  const replaced = await replacedBy(parts.map(fileOfPart), nodeDatasetFolder(results));
  if (!isGiven(options, '--force')) assertNothingReplaced(replaced, location);
  const outputs = await Outputs.beside([location]);
  await outputs.assertFree([
    ...parts.map((part) => path.join(results, part.path)),
    ...(await filesAt(replaced.map((each) => path.join(results, each.path)))),
  ]);
  await assertSoundWeights(file);
  await unpackInto(results, parts, { replaced: replaced.map((each) => each.path), signal });
  const models = new Set(
    parts.map((part) => path.dirname(part.path)).filter((name) => /\/[^/]+__[^/]+__[^/]+$/.test(name)),
  );
  for (const name of models) console.log(path.join(results, name));
  for (const name of models) tellOutside(path.basename(name).split('__')[0]);
  return EXIT.ok;
}

/** Throws `WeightsNotFinite`. What cannot be read here is unpacked for nnU-Net all the same. */
async function assertSoundWeights(file: SourceFile): Promise<void> {
  const outcomes = await importModels([file]).catch(() => []);
  for (const outcome of outcomes) {
    if (!('imported' in outcome)) continue;
    const { model, loadFold } = outcome.imported;
    for (const { fold } of model.folds) {
      await loadFold(fold).catch((error: unknown) => {
        if (error instanceof Error && error.name === 'WeightsNotFinite') throw error;
      });
    }
  }
}

/** Says of a model what nnStudio cannot do with it: it is unpacked for nnU-Net all the same. */
function tellOutside(trainerName: string): void {
  const what = outsideTrainer(trainerName);
  if (what === undefined) return;
  console.log(`${trainerName} ${what}: predict with it by nnUNetv2_predict.`);
}

/** Paths of files, and of all files below folders. */
async function filesAt(locations: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    locations.map(async (location) => {
      if ((await kindOf(location)) !== 'folder') return [location];
      return (await filesBelow(location)).flatMap(({ origin }) => (typeof origin === 'string' ? origin : []));
    }),
  );
  return found.flat();
}

/** A part as a file; what it is made of is made when it is read. */
function fileOfPart({ path: location, sizeInBytes, open }: ZipPart): SourceFile {
  return {
    path: location,
    sizeInBytes,
    bytes: async () => (await open()).bytes(),
    slice: async (start, end) => (await open()).slice(start, end),
  };
}
