// The bundle: one model as one file to share, `.nnstudio`, a zip of stored entries.
//
//   mimetype                          first, so that the file is known by its first bytes
//   manifest.json                     what is in it, by whom, under which licence
//   LICENSE.txt CITATION.txt          the same for people; nnU-Net's own citation is always there
//   plans.json dataset.json …         as nnU-Net has them in a model folder
//   fold_k/checkpoint_*.safetensors   weights under their plain names, f32
//   fold_k/validation/summary.json, fold_k/progress.json, crossval_results_folds_*/…
//
// Files and keys may be added under the same version; readers leave out what they do not know. What an older reader would
// misunderstand takes a new version.
import { z } from 'zod';
import { readText, type SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { parseJson, validate } from './json';
import type { NnunetModel } from './model';
import { pythonJson } from './pythonJson';

export const BUNDLE_ENDING = '.nnstudio';
export const MIMETYPE_FILE = 'mimetype';
export const MANIFEST_FILE = 'manifest.json';

const FORMAT = 'nnstudio-model';
/** Of bundles that are written; all from 1 on are read. */
const VERSION = 1;

const NNUNET_CITATION =
  'Isensee, F., Jaeger, P. F., Kohl, S. A. A., Petersen, J., Maier-Hein, K. H. (2021). nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation. Nature Methods, 18(2), 203-211.';

/** What people should know who are given a model. */
export interface ModelSharing {
  readonly title?: string;
  readonly authors?: string;
  readonly description?: string;
  /** Its name, `CC BY 4.0`, or its text. */
  readonly licence?: string;
  /** What to cite beside nnU-Net. */
  readonly citation?: string;
}

const manifestSchema = z.object({
  format: z.literal(FORMAT),
  version: z.int().min(1),
  trainer_name: z.string().min(1),
  configuration: z.string().min(1),
  inference_allowed_mirroring_axes: z.array(z.int().min(0).max(2)),
  title: z.string().optional(),
  authors: z.string().optional(),
  description: z.string().optional(),
  license: z.string().optional(),
  citation: z.string().optional(),
});

/** What a manifest says that the other files do not. */
export interface BundleManifest {
  readonly trainerName: string;
  readonly configurationName: string;
  readonly mirrorAxes: readonly number[];
  readonly sharing: ModelSharing;
}

/** Throws `NewerBundle` for versions to come, `BadBundle` naming what is wrong. */
export async function readBundleManifest(file: SourceFile): Promise<BundleManifest> {
  const json = parseJson(await readText(file), file.path);
  assertReadableVersion(json, file.path);
  const manifest = validate(manifestSchema, json, file.path, 'BadBundle');
  const { title, authors, description, license, citation } = manifest;
  return {
    trainerName: manifest.trainer_name,
    configurationName: manifest.configuration,
    mirrorAxes: manifest.inference_allowed_mirroring_axes,
    sharing: {
      ...(title && { title }),
      ...(authors && { authors }),
      ...(description && { description }),
      ...(license && { licence: license }),
      ...(citation && { citation }),
    },
  };
}

/** Before all else: a newer manifest may lack what this one must have. */
function assertReadableVersion(json: unknown, file: string): void {
  const { version } = z.object({ version: z.int() }).safeParse(json).data ?? {};
  if (version === undefined || version <= VERSION) return;
  throw new StudioError(
    'NewerBundle',
    `${file} is of bundle version ${version}; this nnStudio reads versions up to ${VERSION}.`,
    'Update nnStudio (reload the page), or ask for the model as an nnU-Net zip.',
  );
}

/** What a manifest tells of a model's numbers. */
export interface BundleFacts {
  readonly model: NnunetModel;
  readonly crossValidationDice: number | undefined;
  readonly sharing: ModelSharing;
  /** `nnStudio 0.1.0`. */
  readonly createdBy: string;
}

/** The text of manifest.json. */
export function bundleManifest({ model, crossValidationDice, sharing, createdBy }: BundleFacts): string {
  const { plans, configuration } = model;
  return pythonJson({
    format: FORMAT,
    version: VERSION,
    created_by: createdBy,
    title: sharing.title,
    authors: sharing.authors,
    description: sharing.description,
    license: sharing.licence,
    citation: sharing.citation,
    nnunet_citation: NNUNET_CITATION,
    dataset_name: model.datasetName,
    trainer_name: model.trainerName,
    plans_name: plans.plansName,
    configuration: configuration.name,
    inference_allowed_mirroring_axes: model.mirrorAxes,
    channels: model.channelNames,
    labels: new Map([...model.labels.names].map(([value, name]) => [String(value), name])),
    folds: model.folds.map(({ fold, validationDice }) => ({ fold, validation_dice: validationDice })),
    cross_validation_dice: crossValidationDice,
  });
}

/** The text of CITATION.txt. */
export function citationText({ citation }: ModelSharing): string {
  const own = citation ? `This model:\n${citation.trim()}\n\n` : '';
  return `If you use this model, please cite\n\n${own}nnU-Net, by which it was configured and trained:\n${NNUNET_CITATION}\n`;
}

/** The text of LICENSE.txt. */
export function licenceText({ licence }: ModelSharing): string {
  if (licence) return `${licence.trim()}\n`;
  return 'Whoever shared this model named no licence. Ask them before you use it for more than trying it out.\n';
}
