import { isPicture } from '@/app/files/picture';
import { type NnunetModel, takesAnySpacing } from '@/core/interop/model';
import { naturalImage2dIO } from '@/core/io/naturalImage2dIO';
import { formatNetworkXyz } from '@/shared/geometry';
import type { StoredImageFacts } from '@/storage/caseRecord';
import { previousStagesAmong } from './cascadeModels';

/** Whether a model can be run on an image; if not, why, in one sentence. */
export type ModelFit =
  | { readonly fits: true; readonly caution?: string }
  | {
      readonly fits: false;
      readonly reason: string;
      /** The image is right, but a cascade's first stage is not at hand. */
      readonly lacksStage?: boolean;
    };

/** Voxels this much larger or smaller than the training data's are worth a word. */
const UNUSUAL_SPACING_RATIO = 3;

/** `library`: models that are at hand, for a cascade to find its first stage among. */
export function modelFit(
  model: NnunetModel,
  image: StoredImageFacts,
  library: readonly NnunetModel[] = [],
): ModelFit {
  const { channelNames, configuration, plans } = model;
  const missing = missingStage(model, library);
  if (missing !== undefined) return { fits: false, reason: missing, lacksStage: true };
  if (image.channels !== channelNames.length) {
    const wanted = channelNames.map((name, i) => `${name} (_${String(i).padStart(4, '0')})`).join(', ');
    return {
      fits: false,
      reason: `It needs ${count(channelNames.length, 'channel')}: ${wanted}. This image has ${image.channels}.`,
    };
  }
  const dimensions = wrongDimensions(model, image);
  if (dimensions !== undefined) return { fits: false, reason: dimensions };
  // The voxels of a picture have no size, and the plans of its model none that could differ.
  if (isPicture(image) || takesAnySpacing(configuration)) return { fits: true };
  const caution = spacingCaution(image, configuration.spacing, plans);
  return caution ? { fits: true, caution } : { fits: true };
}

/** What a cascade's second stage lacks, in one sentence; `undefined` where it lacks nothing. */
export function missingStage(model: NnunetModel, library: readonly NnunetModel[]): string | undefined {
  const { previousStage } = model.configuration;
  if (previousStage === undefined || previousStagesAmong(model, library, (each) => each).length > 0)
    return undefined;
  return `It is the second stage of a cascade: add the ${previousStage} model of ${model.datasetName} too, which is run first.`;
}

/** Pictures and volumes are not segmented by one another's models; a 2d configuration takes volumes slice by slice. */
function wrongDimensions({ configuration, plans }: NnunetModel, image: StoredImageFacts): string | undefined {
  const isModelOf3d = configuration.patchSize.length === 3;
  if (isPicture(image) && isModelOf3d) {
    return 'It is a 3D model, and this image is a 2D picture. A 2d configuration of the same training data would fit.';
  }
  const slices = image.shape[0];
  if (plans.imageReaderWriter === naturalImage2dIO.name && slices > 1) {
    return `It was trained on 2D pictures, and this image is a volume of ${slices} slices. Save the slices as pictures.`;
  }
  return undefined;
}

function spacingCaution(
  image: StoredImageFacts,
  trained: readonly number[],
  { transposeForward, transposeBackward }: NnunetModel['plans'],
): string | undefined {
  // A 2d configuration says nothing about its slowest axis.
  const spacing = transposeForward.map((axis) => image.spacing[axis]).slice(3 - trained.length);
  const ratios = spacing.map((size, axis) => size / trained[axis]);
  const isUnusual = ratios.some(
    (ratio) => ratio > UNUSUAL_SPACING_RATIO || ratio < 1 / UNUSUAL_SPACING_RATIO,
  );
  if (!isUnusual) return undefined;
  const show = (values: readonly number[]) => formatNetworkXyz(values, transposeBackward, 2);
  return `Its voxels are ${show(spacing)} mm; the model was trained at ${show(trained)} mm.`;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
