// What of an image can be looked at: its channels, and of a picture its colours.
import { hintsOfChannel } from '@/app/files/ctWindow';
import { isPicture } from '@/app/files/picture';
import type { CaseRecord, IntensityHints } from '@/storage/caseRecord';
import type { DisplayChannel } from '@/workers/files/api';

export interface ViewedChannel {
  readonly channel: DisplayChannel;
  readonly name: string;
  readonly hints: IntensityHints;
}

const IN_COLOR: ViewedChannel = { channel: 'color', name: 'Colour', hints: {} };
const COLOR_NAMES = ['Red', 'Green', 'Blue'];

/** Channels by the names that a data set gives them. Red, green and blue are seen together first. */
export function namedChannels(names: readonly string[]): readonly ViewedChannel[] {
  const channels = names.map((name, i) => ({ channel: i, name, hints: hintsOfChannel(name) }));
  const areColors =
    names.length === COLOR_NAMES.length &&
    names.every((name, i) => COLOR_NAMES[i].toLowerCase().startsWith(name.toLowerCase()));
  return areColors ? [IN_COLOR, ...channels] : channels;
}

/** Channels of a case. `trainedOn`: names of the channels of a model that fits it, which tell a CT. */
export function channelsOf(
  { image, files }: Pick<CaseRecord, 'image' | 'files'>,
  trainedOn: readonly string[] | undefined,
): readonly ViewedChannel[] {
  const isColor = isPicture(image) && files.length === 1 && image.channels === COLOR_NAMES.length;
  const channels = Array.from({ length: image.channels }, (_, i) => ({
    channel: i,
    name: isColor ? COLOR_NAMES[i] : `Channel ${i}`,
    hints: { ...hintsOfChannel(trainedOn?.[i]), ...image.intensities },
  }));
  return isColor ? [IN_COLOR, ...channels] : channels;
}
