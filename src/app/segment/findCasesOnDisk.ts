import type { NnunetModel } from '@/core/interop/model';
import { type CaseFiles, findCases } from '@/core/io/cases';
import { hasImageName } from '@/core/io/imageNames';
import type { SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { filesIn, kindOf, nodeFile } from '@/storage/nodeFiles';

/** Cases among the files that are named, and in folders that are. Throws `NoSuchInput`, `NoCases`. */
export async function findCasesOnDisk(
  inputs: readonly string[],
  model: NnunetModel,
  onNotice: (notice: string) => void,
): Promise<readonly CaseFiles[]> {
  const files = (await Promise.all(inputs.map(filesAt))).flat();
  // A folder may hold other images too: those with the dataset's own ending are meant, as in nnU-Net.
  const ofDataset = files.filter(
    ({ path: name }) => name.endsWith(model.fileEnding) || name.endsWith('.json'),
  );
  const hasOwn = ofDataset.some(({ path: name }) => name.endsWith(model.fileEnding));
  const { cases, ignored } = await findCases(hasOwn ? ofDataset : files, {
    channels: model.channelNames.length,
  });
  for (const { path: name, reason } of ignored) onNotice(`left out ${name}: ${reason}`);
  if (hasOwn) tellOtherEndings(files, model.fileEnding, onNotice);
  if (cases.length > 0) return cases;
  throw new StudioError(
    'NoCases',
    `No images in ${inputs.join(' ')}.`,
    `They are named like case_0000${model.fileEnding}.`,
  );
}

/** Images of another ending than the model's, in a folder that has some of its own. */
function tellOtherEndings(
  files: readonly SourceFile[],
  fileEnding: string,
  onNotice: (notice: string) => void,
): void {
  const others = files.filter((file) => hasImageName(file) && !file.path.endsWith(fileEnding));
  if (others.length === 0) return;
  const [first] = others;
  const what = others.length === 1 ? first.path : `${others.length} images, ${first.path} for one`;
  onNotice(`left out ${what}: the model's images end with ${fileEnding}, and so do others beside it`);
}

async function filesAt(location: string): Promise<readonly SourceFile[]> {
  const kind = await kindOf(location);
  if (kind === 'nothing') throw new StudioError('NoSuchInput', `${location} does not exist.`);
  return kind === 'folder' ? filesIn(location) : [await nodeFile(location)];
}
