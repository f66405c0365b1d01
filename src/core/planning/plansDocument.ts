// A plans file as nnU-Net writes it: same keys, same order.

export interface ResamplingKwargs {
  readonly is_seg: boolean;
  readonly [option: string]: boolean | number | null;
}

export interface ArchitectureDocument {
  readonly network_class_name: string;
  readonly arch_kwargs: Readonly<Record<string, unknown>>;
  readonly _kw_requires_import: readonly string[];
}

export interface ConfigurationDocument {
  readonly data_identifier: string;
  readonly preprocessor_name: string;
  readonly batch_size: number;
  readonly patch_size: readonly number[];
  readonly median_image_size_in_voxels: readonly number[];
  readonly spacing: readonly number[];
  readonly normalization_schemes: readonly string[];
  readonly use_mask_for_norm: readonly boolean[];
  readonly resampling_fn_data: string;
  readonly resampling_fn_seg: string;
  readonly resampling_fn_data_kwargs: ResamplingKwargs;
  readonly resampling_fn_seg_kwargs: ResamplingKwargs;
  readonly resampling_fn_probabilities: string;
  readonly resampling_fn_probabilities_kwargs: ResamplingKwargs;
  readonly architecture: ArchitectureDocument;
  readonly batch_dice: boolean;
  readonly next_stage?: string;
}

/** A configuration that takes everything else from another. */
export interface InheritingDocument {
  readonly inherits_from: string;
  readonly previous_stage?: string;
  readonly [key: string]: unknown;
}

export interface PlansDocument {
  readonly dataset_name: string;
  readonly plans_name: string;
  readonly original_median_spacing_after_transp: readonly number[];
  readonly original_median_shape_after_transp: readonly number[];
  readonly image_reader_writer: string;
  readonly transpose_forward: readonly number[];
  readonly transpose_backward: readonly number[];
  readonly configurations: Readonly<Record<string, ConfigurationDocument | InheritingDocument>>;
  readonly experiment_planner_used: string;
  readonly label_manager: string;
  readonly foreground_intensity_properties_per_channel: FingerprintDocument['foreground_intensity_properties_per_channel'];
}

/** `dataset_fingerprint.json`. */
export interface FingerprintDocument {
  readonly foreground_intensity_properties_per_channel: Readonly<
    Record<string, Readonly<Record<string, number>>>
  >;
  readonly median_relative_size_after_cropping: number;
  readonly shapes_after_crop: readonly (readonly number[])[];
  readonly spacings: readonly (readonly number[])[];
}
