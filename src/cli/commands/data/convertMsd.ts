import path from 'node:path';
import { convertMsd } from '@/core/dataset/convertMsd';
import { StudioError } from '@/shared/errors';
import { filesBelow, kindOf } from '@/storage/nodeFiles';
import { Outputs } from '@/storage/outputs';
import { type Command, EXIT } from '../../command';
import { namesOfId, nnunetFolder } from '../../nnunetFolders';
import { noEffect, numberOf, type ParsedOptions, requiredText, textOf, UsageError } from '../../options';
import { ProgressLine } from '../../progressLine';

export const convertMsdCommand: Command = {
  name: 'convert_MSD_dataset',
  summary: 'turns a Medical Segmentation Decathlon task into a raw dataset',
  usage: '-i TASK_FOLDER [OPTIONS]',
  options: [
    {
      names: ['-i'],
      kind: 'text',
      value: 'FOLDER',
      description: 'folder of the task, like Task04_Hippocampus',
    },
    {
      names: ['-overwrite_id'],
      kind: 'number',
      value: 'ID',
      description: "id of the new dataset (default: the task's number)",
    },
    {
      names: ['-np'],
      kind: 'number',
      value: 'N',
      description: noEffect('files are converted one after the other'),
    },
    { names: ['-raw'], kind: 'text', value: 'FOLDER', description: 'instead of the variable nnUNet_raw' },
  ],
  notes: ['4D images become one file for each channel; label maps are copied as they are.'],
  examples: ['nnstudio convert_MSD_dataset -i Task04_Hippocampus -overwrite_id 104'],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const source = requiredText(options, '-i', 'the folder of the task');
  if ((await kindOf(source)) !== 'folder') throw new UsageError(`${source} is not a folder.`);
  const raw = nnunetFolder('nnUNet_raw', options);
  const id = textOf(options, '-overwrite_id') ? numberOf(options, '-overwrite_id', 0) : undefined;
  const converted = await convertMsd(await filesBelow(source), id);
  const number = Number(converted.name.slice('Dataset'.length, 'DatasetXXX'.length));
  const taken = await namesOfId(number, [raw]);
  if (taken.length > 0) {
    throw new StudioError(
      'IdTaken',
      `The id ${number} is taken by ${taken.join(', ')}.`,
      'Choose another with -overwrite_id.',
    );
  }
  const outputs = await Outputs.beside([source]);
  const folder = outputs.folder(path.join(raw, converted.name));
  const line = new ProgressLine(true);
  for await (const { path: name, content, done } of converted.files()) {
    signal.throwIfAborted();
    await folder.write(name, content);
    line.show(name, { stage: 'converting', share: done / converted.fileCount });
  }
  line.clear();
  console.log(path.join(raw, converted.name));
  return EXIT.ok;
}
