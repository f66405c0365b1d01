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
  /** Name of each written label value (not of regions), for display. */
  readonly names: ReadonlyMap<number, string>;
}
