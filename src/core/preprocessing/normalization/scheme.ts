// What a normalisation scheme is. Each has a file of its own and a line in `schemes.ts`.

/** Foreground intensities of a channel over the training set, as plans have them. */
export interface IntensityProperties {
  readonly mean: number;
  readonly std: number;
  readonly min: number;
  readonly max: number;
  readonly median: number;
  readonly percentile005: number;
  readonly percentile995: number;
}

export interface NormalizationContext {
  /** `[z, y, x]`, not zero inside. Given where the plans ask to normalise within the mask only. */
  readonly mask?: Uint8Array | undefined;
  /** Foreground intensities of the training set for this channel. */
  readonly intensity?: IntensityProperties | undefined;
}

/** Normalises one channel `[z, y, x]` in place. */
type Normalize = (channel: Float32Array, context: NormalizationContext) => void;

/** One of nnU-Net's normalisation classes. */
export interface NormalizationDefinition {
  /** nnU-Net's class name, as plans give it. */
  readonly name: string;
  /** Two or three words, for tables. */
  readonly label: string;
  /** What it does to each image, for choices. */
  readonly help: string;
  /** The channel name in dataset.json that asks for it, in whatever case. */
  readonly channelName: string;
  /** Whether plans may confine it to the non-zero mask: nnU-Net's `leaves_pixels_outside_mask_at_zero…`. */
  readonly canUseMask: boolean;
  /** Whether it needs the intensities of the training set. */
  readonly needsIntensities: boolean;
  readonly normalize: Normalize;
}

/** Smallest divisor, so that a constant channel becomes zero and not NaN. */
export const EPS = 1e-8;
