import type { Configuration } from '@/core/planning/plans';

/**
 * What a dataset's `labels` mean for a network's outputs, by nnU-Net's `LabelManager`.
 * With regions each output channel is a sigmoid, else all channels share a softmax.
 */
export interface LabelSet {
  /** Foreground and background, without `ignore`, ascending. */
  readonly allLabels: readonly number[];
  readonly hasRegions: boolean;
  /** Foreground regions in file order; a plain label counts as a region of one. Empty without regions. */
  readonly foregroundRegions: readonly (readonly number[])[];
  readonly regionsClassOrder: readonly number[];
  readonly ignoreLabel: number | undefined;
  /** Output channels of the network. */
  readonly outputChannels: number;
  /**
   * Name of each written label value, for display. With regions, a value takes the name of the region that writes it,
   * though what it marks is that region less the ones written later.
   */
  readonly names: ReadonlyMap<number, string>;
}

/** `labels` of a dataset.json in the file's order: a value, or the values of a region, by name. */
export type DeclaredLabels = ReadonlyMap<string, number | readonly number[]>;

const IGNORE = 'ignore';

/**
 * `labels` and `regions_class_order` of a dataset.json, in file order (it decides the order of regions). Throws a
 * plain `Error` that says what is wrong; the caller knows the file.
 *
 * Follows nnU-Net's `LabelManager`.
 */
export function labelSetOf(
  labels: DeclaredLabels,
  regionsClassOrder: readonly number[] | undefined,
): LabelSet {
  const entries = [...labels]
    .filter(([name]) => name !== IGNORE)
    .map(([name, value]): NamedRegion => ({ name, values: typeof value === 'number' ? [value] : value }));
  const allLabels = [...new Set(entries.flatMap(({ values }) => values))].sort((a, b) => a - b);
  const ignoreLabel = ignoreLabelOf(labels, allLabels);
  if (allLabels[0] !== 0)
    throw new Error('labels: there is no background with the value 0 (write "background": 0)');

  // A list of one does not make regions; nnU-Net asks for more than one element.
  const hasRegions = entries.some(({ values }) => values.length > 1);
  if (!hasRegions) {
    const names = new Map(entries.map(({ name, values }) => [values[0], name]));
    const outputChannels = allLabels.length;
    return {
      allLabels,
      hasRegions,
      foregroundRegions: [],
      regionsClassOrder: [],
      ignoreLabel,
      outputChannels,
      names,
    };
  }
  const regions = entries.filter(({ values }) => !values.every((value) => value === 0));
  if (!regionsClassOrder) throw new Error('regions_class_order is missing, but labels has regions');
  if (regionsClassOrder.length !== regions.length) {
    throw new Error(
      `regions_class_order has ${regionsClassOrder.length} entries for ${regions.length} regions`,
    );
  }
  return {
    allLabels,
    hasRegions,
    foregroundRegions: regions.map(({ values }) => values),
    regionsClassOrder,
    ignoreLabel,
    outputChannels: regions.length,
    names: new Map([
      [0, entries.find(({ values }) => values.length === 1 && values[0] === 0)?.name ?? 'background'],
      ...regions.map(({ name }, i) => [regionsClassOrder[i], name] as const),
    ]),
  };
}

/** All labels without the background. */
export function foregroundLabels({ allLabels }: Pick<LabelSet, 'allLabels'>): readonly number[] {
  return allLabels.filter((label) => label !== 0);
}

/** What is learnt and evaluated by itself: each foreground region, or without regions each foreground label alone. */
export function foregroundClasses(labels: LabelSet): readonly (readonly number[])[] {
  if (labels.hasRegions) return labels.foregroundRegions;
  return foregroundLabels(labels).map((label) => [label]);
}

/**
 * Input channels of a network: the image's, and in a cascade the previous segmentation as one more per foreground
 * label.
 *
 * Follows nnU-Net's `determine_num_input_channels`.
 */
export function networkInputChannels(
  imageChannels: number,
  labels: LabelSet,
  { previousStage }: Pick<Configuration, 'previousStage'>,
): number {
  return imageChannels + (previousStage === undefined ? 0 : foregroundLabels(labels).length);
}

interface NamedRegion {
  readonly name: string;
  readonly values: readonly number[];
}

function ignoreLabelOf(labels: DeclaredLabels, allLabels: readonly number[]): number | undefined {
  const ignore = labels.get(IGNORE);
  if (ignore === undefined) return undefined;
  const expected = Math.max(...allLabels) + 1;
  if (ignore !== expected)
    throw new Error(`labels.ignore must be ${expected}, the highest label + 1 (write "ignore": ${expected})`);
  return ignore;
}
