import path from 'node:path';
import { exportOnnx, onnxFileNames } from '@/app/models/exportOnnx';
import { modelPaths, modelTitle } from '@/app/models/openModelOnDisk';
import { formatBytes } from '@/shared/numeric';
import { kindOf } from '@/storage/nodeFiles';
import { Outputs } from '@/storage/outputs';
import { type Command, EXIT } from '../../command';
import { MODEL_OPTIONS, modelRequest, openModel } from '../../modelSource';
import { isGiven, type ParsedOptions, requiredText, textOf, UsageError } from '../../options';

export const exportOnnxCommand: Command = {
  name: 'export_onnx',
  summary: 'writes a trained model as ONNX files that explain themselves',
  usage: '(-m MODEL | -d DATASET -c CONFIGURATION) -o OUTPUT [OPTIONS]',
  options: [
    {
      names: ['-o'],
      kind: 'text',
      value: 'OUTPUT',
      description: 'folder for the files, or the .onnx file where it is one',
    },
    ...MODEL_OPTIONS,
    {
      names: ['--average_folds'],
      kind: 'flag',
      description: 'one file with the mean of all folds inside, instead of a file per fold',
    },
    { names: ['-license'], kind: 'text', value: 'TEXT', description: 'licence to note in the files' },
    { names: ['-citation'], kind: 'text', value: 'TEXT', description: 'what to cite, noted in the files' },
  ],
  notes: [
    'The network takes any batch of patches; onnxruntime runs it on CPU, CUDA and WebGPU.',
    'The metadata key nnstudio holds plans, dataset.json, and preprocessing, sliding window and labels in plain words.',
    'nnstudio predict -m FILE.onnx takes the file as a whole model.',
  ],
  examples: [
    'nnstudio export_onnx -m nnUNetTrainer__nnUNetPlans__3d_fullres -o onnx',
    'nnstudio export_onnx -d 4 -c 3d_fullres -f 0 1 2 3 4 --average_folds -o hippocampus.onnx',
  ],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const output = requiredText(options, '-o', 'the folder for the files');
  const source = await openModel(options);
  const { imported, datasetJson, plansJson } = source;
  const { model, loadFold } = imported;
  if (!datasetJson || !plansJson) {
    throw new UsageError(`${imported.origin} is an ONNX file of another network already.`);
  }
  const shouldAverageFolds = isGiven(options, '--average_folds');
  const singleName = (await kindOf(output)) !== 'folder' && /\.onnx$/i.test(output);
  if (singleName && !shouldAverageFolds && model.folds.length > 1) {
    throw new UsageError(
      `-o names one file, but there are ${model.folds.length} folds.`,
      'Name a folder, one fold with -f, or --average_folds.',
    );
  }
  console.log(modelTitle(imported));
  const outputs = await Outputs.beside(await modelPaths(await modelRequest(options), imported));
  await outputs.assertFolderFree(
    singleName ? path.dirname(output) : output,
    singleName ? [path.basename(output)] : onnxFileNames({ model, shouldAverageFolds }),
  );
  const folder = outputs.folder(singleName ? path.dirname(output) : output);
  const license = textOf(options, '-license');
  const citation = textOf(options, '-citation');
  const files = exportOnnx({
    model,
    loadFold,
    documents: {
      datasetJson: new TextDecoder().decode(datasetJson),
      plansJson: new TextDecoder().decode(plansJson),
    },
    shouldAverageFolds,
    ...(license && { license }),
    ...(citation && { citation }),
  });
  for await (const { name, content } of files) {
    signal.throwIfAborted();
    const written = singleName ? path.basename(output) : name;
    await folder.write(written, content);
    console.log(`${written}: ${formatBytes(content.byteLength)}`);
  }
  return EXIT.ok;
}
