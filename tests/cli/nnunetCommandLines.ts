// Every command of nnU-Net 2.8.1 with every option of it, as its argument parsers have them: the names, and how many values
// each takes. Those that nnStudio leaves out are in the list too.

/** `flag`: none. `one`: one. `many`: one or more. */
type Values = 'flag' | 'one' | 'many';

export interface NnunetCommand {
  readonly positionals: readonly string[];
  /** Every spelling of an option, by the first. */
  readonly options: Readonly<Record<string, Values>>;
  readonly spellings?: Readonly<Record<string, readonly string[]>>;
}

const LOGGING = { '--verbose': 'flag', '--no_pbar': 'flag' } as const;

const FINGERPRINT = {
  '-d': 'many',
  '-fpe': 'one',
  '--verify_dataset_integrity': 'flag',
  '--clean': 'flag',
} as const;

const PLANNING = {
  '-pl': 'one',
  '-gpu_memory_target': 'one',
  '-preprocessor_name': 'one',
  '-overwrite_target_spacing': 'many',
  '-overwrite_plans_name': 'one',
} as const;

const PREDICTION = {
  '-i': 'one',
  '-o': 'one',
  '-f': 'many',
  '-step_size': 'one',
  '--disable_tta': 'flag',
  '--verbose': 'flag',
  '--save_probabilities': 'flag',
  '--continue_prediction': 'flag',
  '-chk': 'one',
  '-npp': 'one',
  '-nps': 'one',
  '-prev_stage_predictions': 'one',
  '-device': 'one',
  '--disable_progress_bar': 'flag',
  '--not_on_device': 'flag',
} as const;

const TRAINING = {
  '-tr': 'one',
  '-p': 'one',
  '-num_gpus': 'one',
  '--npz': 'flag',
  '--c': 'flag',
  '--val': 'flag',
  '--val_best': 'flag',
  '--disable_checkpointing': 'flag',
  '-device': 'one',
} as const;

const NNSSL = {
  '-d': 'one',
  '-n': 'one',
  '-pc': 'one',
  '-np': 'one',
  '--verbose': 'flag',
  '--overwrite_pp': 'flag',
} as const;

export const NNUNET_COMMANDS: Readonly<Record<string, NnunetCommand>> = {
  nnUNetv2_plan_and_preprocess: {
    positionals: [],
    options: {
      ...FINGERPRINT,
      ...PLANNING,
      ...LOGGING,
      '-npfp': 'one',
      '--no_pp': 'flag',
      '-c': 'many',
      '-np': 'many',
    },
  },
  nnUNetv2_extract_fingerprint: { positionals: [], options: { ...FINGERPRINT, ...LOGGING, '-np': 'one' } },
  nnUNetv2_plan_experiment: { positionals: [], options: { '-d': 'many', ...PLANNING } },
  nnUNetv2_preprocess: {
    positionals: [],
    options: { '-d': 'many', '-plans_name': 'one', '-c': 'many', '-np': 'many', ...LOGGING },
  },
  nnUNetv2_train: {
    positionals: ['4', '3d_fullres', '0'],
    options: { ...TRAINING, '-pretrained_weights': 'one' },
  },
  nnUNetv2_predict_from_modelfolder: {
    positionals: [],
    options: { ...PREDICTION, '-m': 'one' },
    spellings: { '--continue_prediction': ['--c'] },
  },
  nnUNetv2_predict: {
    positionals: [],
    options: {
      ...PREDICTION,
      '-d': 'one',
      '-p': 'one',
      '-tr': 'one',
      '-c': 'one',
      '-num_parts': 'one',
      '-part_id': 'one',
    },
  },
  nnUNetv2_convert_old_nnUNet_dataset: {
    positionals: ['Task004_Hippocampus', 'Dataset004_Hippocampus'],
    options: {},
  },
  nnUNetv2_find_best_configuration: {
    positionals: ['4'],
    options: {
      '-p': 'many',
      '-c': 'many',
      '-tr': 'many',
      '-np': 'one',
      '-f': 'many',
      '--disable_ensembling': 'flag',
      '--no_overwrite': 'flag',
    },
  },
  nnUNetv2_determine_postprocessing: {
    positionals: [],
    options: {
      '-i': 'one',
      '-ref': 'one',
      '-plans_json': 'one',
      '-dataset_json': 'one',
      '-np': 'one',
      '--remove_postprocessed': 'flag',
    },
  },
  nnUNetv2_apply_postprocessing: {
    positionals: [],
    options: {
      '-i': 'one',
      '-o': 'one',
      '-pp_pkl_file': 'one',
      '-np': 'one',
      '-plans_json': 'one',
      '-dataset_json': 'one',
    },
  },
  nnUNetv2_ensemble: {
    positionals: [],
    options: { '-i': 'many', '-o': 'one', '-np': 'one', '--save_npz': 'flag' },
  },
  nnUNetv2_accumulate_crossval_results: {
    positionals: ['4'],
    options: { '-c': 'one', '-o': 'one', '-f': 'many', '-p': 'one', '-tr': 'one' },
  },
  nnUNetv2_plot_overlay_pngs: {
    positionals: [],
    options: {
      '-d': 'one',
      '-o': 'one',
      '-np': 'one',
      '-channel_idx': 'one',
      '--use_raw': 'flag',
      '-p': 'one',
      '-c': 'one',
      '-overlay_intensity': 'one',
    },
  },
  nnUNetv2_download_pretrained_model_by_url: { positionals: ['https://zenodo.org/model.zip'], options: {} },
  nnUNetv2_install_pretrained_model_from_zip: { positionals: ['model.zip'], options: {} },
  nnUNetv2_export_model_to_zip: {
    positionals: [],
    options: {
      '-d': 'one',
      '-o': 'one',
      '-c': 'many',
      '-tr': 'one',
      '-p': 'one',
      '-f': 'many',
      '-chk': 'many',
      '--not_strict': 'flag',
      '--exp_cv_preds': 'flag',
    },
  },
  nnUNetv2_move_plans_between_datasets: {
    positionals: [],
    options: { '-s': 'one', '-t': 'one', '-sp': 'one', '-tp': 'one' },
  },
  nnUNetv2_evaluate_folder: {
    positionals: ['labelsTs', 'predictions'],
    options: { '-djfile': 'one', '-pfile': 'one', '-o': 'one', '-np': 'one', '--chill': 'flag' },
  },
  nnUNetv2_evaluate_simple: {
    positionals: ['labelsTs', 'predictions'],
    options: { '-l': 'many', '-il': 'one', '-o': 'one', '-np': 'one', '--chill': 'flag' },
  },
  nnUNetv2_convert_MSD_dataset: {
    positionals: [],
    options: { '-i': 'one', '-overwrite_id': 'one', '-np': 'one' },
  },
  nnUNetv2_preprocess_like_nnssl: {
    positionals: [],
    options: { ...NNSSL, '-am': 'one', '-os': 'many' },
    spellings: {
      '-n': ['--pretraining_name'],
      '-pc': ['--pretrained_checkpoint'],
      '-am': ['--adaptation_mode'],
      '-os': ['--override_spacing'],
    },
  },
  nnUNetv2_plan_like_dynamic: {
    positionals: [],
    options: { ...NNSSL, '-pl': 'one' },
    spellings: {
      '-n': ['--pretraining_name'],
      '-pc': ['--pretrained_checkpoint'],
      '-pl': ['--plans_identifier'],
    },
  },
  nnUNetv2_train_pretrained: {
    positionals: ['4', '3d_fullres', '0'],
    options: { ...TRAINING, '--from_scratch': 'flag', '-overwrite_ckpt_path': 'one' },
  },
};
