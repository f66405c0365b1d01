// Names whose last four digits were meant as the number of a case, where nnU-Net takes them for the channel.
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { fileName } from '@/core/io/sourceFile';
import { error, type Finding } from './findings';
import type { RawDataset } from './rawDataset';

/** Cases that nnU-Net would take for channels of one. */
export interface MistakenChannels {
  /** What nnU-Net calls the one case. */
  readonly caseId: string;
  /** Names without ending that have label maps of their own, `word_0001`. */
  readonly stems: readonly string[];
}

/** Cases whose channel files have a label map each: `word_0001.nii.gz` among the images and among the label maps. */
export function mistakenChannels({
  document,
  cases,
  strayFiles,
  channelNames,
}: RawDataset): readonly MistakenChannels[] {
  if (document.dataset) return [];
  const ending = document.file_ending;
  const withoutImage = new Set(strayFiles.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)));
  return cases.flatMap(({ caseId, images }) => {
    const stems = images
      .map((file) => fileName(file))
      .filter((name) => withoutImage.has(name))
      .map((name) => name.slice(0, -ending.length));
    const isMistaken =
      stems.length > 0 && (images.length > channelNames.length || stems.length === images.length);
    return isMistaken ? [{ caseId, stems }] : [];
  });
}

/** What to rename. */
export function mistakenChannelsFinding(
  { caseId, stems }: MistakenChannels,
  { document, jsonFile }: RawDataset,
): Finding {
  const ending = document.file_ending;
  const folder = `${jsonFile.path.slice(0, -NNUNET_FILES.dataset.length)}imagesTr`;
  const [first] = stems;
  const others = stems.length > 1 ? ` to ${stems.at(-1)}${ending}` : '';
  return error(
    `${caseId}: ${folder}/${first}${ending}${others} count as ${stems.length === 1 ? 'one channel' : `${stems.length} channels`} of one case ${caseId}, as the four digits at the end of an image's name are its channel, not the number of the case.`,
    `Append the channel to the names of the images, ${first}${ending} → ${first}_0000${ending}${stems.length > 1 ? ' and so on' : ''}; the label maps (${first}${ending}) keep their names.`,
  );
}
