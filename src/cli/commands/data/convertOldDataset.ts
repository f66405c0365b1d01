import path from 'node:path';
import { convertOldDataset } from '@/core/dataset/convertOldDataset';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { StudioError } from '@/shared/errors';
import { filesBelow, kindOf } from '@/storage/nodeFiles';
import { Outputs } from '@/storage/outputs';
import { type Command, EXIT } from '../../command';
import { namesOfId, nnunetFolder } from '../../nnunetFolders';
import { type ParsedOptions, UsageError } from '../../options';
import { ProgressLine } from '../../progressLine';

const DATASET_NAME = /^Dataset(\d{3})_.+$/;

export const convertOldDatasetCommand: Command = {
  name: 'convert_old_nnUNet_dataset',
  summary: 'turns a dataset of the first nnU-Net into a raw dataset',
  usage: 'TASK_FOLDER DatasetXXX_Name [OPTIONS]',
  options: [
    { names: ['-raw'], kind: 'text', value: 'FOLDER', description: 'instead of the variable nnUNet_raw' },
  ],
  notes: ['Images and label maps are copied; dataset.json is written anew.'],
  examples: [
    'nnstudio convert_old_nnUNet_dataset nnUNet_raw_data/Task004_Hippocampus Dataset004_Hippocampus',
  ],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const [source, name] = options.positionals;
  if (source === undefined || name === undefined) {
    throw new UsageError(
      'Name the folder of the old task and the new dataset, such as Dataset004_Hippocampus.',
    );
  }
  if ((await kindOf(source)) !== 'folder') throw new UsageError(`${source} is not a folder.`);
  const id = DATASET_NAME.exec(name)?.[1];
  if (id === undefined) {
    throw new UsageError(
      `${name} is not the name of a dataset.`,
      'Three digits and a name: Dataset004_Hippocampus.',
    );
  }
  const raw = nnunetFolder('nnUNet_raw', options);
  const taken = await namesOfId(Number(id), [raw]);
  if (taken.length > 0) {
    throw new StudioError(
      'IdTaken',
      `The id ${id} is taken by ${taken.join(', ')}.`,
      'Choose another number.',
    );
  }
  const files = await filesBelow(source);
  const json = files.find(({ path: each }) => each.split('/').at(-1) === NNUNET_FILES.dataset);
  const root = json?.path.slice(0, -NNUNET_FILES.dataset.length) ?? `${path.basename(path.resolve(source))}/`;
  const converted = await convertOldDataset(files, root);
  const outputs = await Outputs.beside([source]);
  const folder = outputs.folder(path.join(raw, name));
  const line = new ProgressLine(true);
  for await (const { path: file, content, done } of converted.files()) {
    signal.throwIfAborted();
    await folder.write(file, content);
    line.show(file, { stage: 'converting', share: done / Math.max(1, converted.fileCount) });
  }
  line.clear();
  console.log(path.join(raw, name));
  return EXIT.ok;
}
