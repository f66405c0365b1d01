import { readFile } from 'node:fs/promises';
import { bundleName, bundleParts } from '@/app/models/exportModel';
import { modelPaths, modelTitle } from '@/app/models/openModelOnDisk';
import { BUNDLE_ENDING, type ModelSharing } from '@/core/interop/bundleManifest';
import { kindOf } from '@/storage/nodeFiles';
import { Outputs } from '@/storage/outputs';
import { type Command, EXIT } from '../../command';
import { MODEL_OPTIONS, modelRequest, openModel } from '../../modelSource';
import { type ParsedOptions, requiredText, textOf } from '../../options';
import { writeWithProgress } from './exportModel';

export const exportBundleCommand: Command = {
  name: 'export_bundle',
  summary: 'writes a trained model as one file to share (.nnstudio)',
  usage: '(-m MODEL | -d DATASET -c CONFIGURATION) -o FILE [OPTIONS]',
  options: [
    {
      names: ['-o'],
      kind: 'text',
      value: 'FILE',
      description: 'the bundle to write, or a folder for it',
    },
    ...MODEL_OPTIONS,
    { names: ['-title'], kind: 'text', value: 'TEXT', description: 'what the model is called' },
    { names: ['-authors'], kind: 'text', value: 'TEXT', description: 'who made it' },
    {
      names: ['-description'],
      kind: 'text',
      value: 'TEXT',
      description: 'what it is for, and what it is not',
    },
    {
      names: ['-license', '-licence'],
      kind: 'text',
      value: 'TEXT',
      description: 'its licence, such as "CC BY 4.0", or a file with its text',
    },
    {
      names: ['-citation'],
      kind: 'text',
      value: 'TEXT',
      description: 'what to cite beside nnU-Net, or a file with it',
    },
    { names: ['--disable_progress_bar'], kind: 'flag', description: 'no progress line' },
  ],
  notes: [
    'A zip of safetensors weights, plans, dataset.json, metrics, licence, citation and training log.',
    'nnstudio predict -m takes it as it is; import_model unpacks it into nnUNet_results, for nnU-Net too.',
    'What only a training needs is left out: export_model keeps it.',
  ],
  examples: [
    'nnstudio export_bundle -d 4 -c 3d_fullres -o hippocampus.nnstudio -license "CC BY 4.0"',
    'nnstudio predict -m hippocampus.nnstudio -i imagesTs -o predictions',
  ],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const output = requiredText(options, '-o', 'the bundle to write');
  const { imported } = await openModel(options);
  const isFolder = (await kindOf(output)) === 'folder';
  const location = isFolder
    ? `${output}/${bundleName(imported.model)}`
    : output.endsWith(BUNDLE_ENDING)
      ? output
      : `${output}${BUNDLE_ENDING}`;
  const named = ['-license', '-citation'].flatMap((name) => textOf(options, name) ?? []);
  const outputs = await Outputs.beside([
    ...(await modelPaths(await modelRequest(options), imported)),
    ...named,
  ]);
  await outputs.assertFree([location]);
  console.log(modelTitle(imported));
  const sharing = { ...imported.sharing, ...(await sharingOf(options)) };
  await writeWithProgress(outputs, location, bundleParts(imported, sharing), options, signal);
  if (!sharing.licence) {
    console.log('It names no licence, so nobody may be sure to use it: -license names one.');
  }
  return EXIT.ok;
}

async function sharingOf(options: ParsedOptions): Promise<ModelSharing> {
  const title = textOf(options, '-title');
  const authors = textOf(options, '-authors');
  const description = textOf(options, '-description');
  const licence = await textOrFile(options, '-license');
  const citation = await textOrFile(options, '-citation');
  return {
    ...(title && { title }),
    ...(authors && { authors }),
    ...(description && { description }),
    ...(licence && { licence }),
    ...(citation && { citation }),
  };
}

async function textOrFile(options: ParsedOptions, name: string): Promise<string | undefined> {
  const text = textOf(options, name);
  return text !== undefined && (await kindOf(text)) === 'file' ? readFile(text, 'utf8') : text;
}
