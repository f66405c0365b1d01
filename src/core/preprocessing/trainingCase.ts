// A preprocessed case as training reads it: arrays in an .npz and properties in a .pkl, as nnU-Net 2.0 to 2.5 wrote
// them; later versions read folders of such files too.
import type { LabelSet } from '@/core/interop/labels';
import { PickleTuple } from '@/core/interop/pickleValues';
import { NumpyArrayToSave, type SavedValue, writePickle } from '@/core/interop/torchWriter';
import type { MedicalImage } from '@/core/io/medicalImage';
import { writeNpz } from '@/core/io/npy';
import type { Zyx } from '@/shared/geometry';
import { type ClassLocations, classLocations } from './classLocations';
import type { PreprocessedArrays } from './preprocessCase';
import { caseProperties } from './readerProperties';

/** The two files of a case, by nnU-Net's endings. */
export interface TrainingCaseFiles {
  readonly npz: Uint8Array;
  readonly pkl: Uint8Array;
}

/** Files of a case that was preprocessed with its label map. `image` is the raw one, read by nnU-Net's `reader`. */
export async function trainingCaseFiles(
  preprocessed: PreprocessedArrays,
  image: MedicalImage,
  reader: string,
  labels: LabelSet,
): Promise<TrainingCaseFiles> {
  const { data, seg, shape } = preprocessed;
  if (!seg) throw new Error('trainingCaseFiles: the case was preprocessed without its label map');
  const locations = classLocations(seg, labels);
  return {
    npz: await writeNpz({
      data: { shape, data },
      seg: { shape: [1, ...shape.slice(1)], data: Int16Array.from(seg) },
    }),
    pkl: writePickle(propertiesOf(preprocessed, image, reader, locations)),
  };
}

/** The dictionary that nnU-Net's `DefaultPreprocessor` saves beside the arrays. */
function propertiesOf(
  { properties, shape }: PreprocessedArrays,
  image: MedicalImage,
  reader: string,
  locations: readonly ClassLocations[],
): ReadonlyMap<unknown, SavedValue> {
  const spatial: Zyx = [shape[1], shape[2], shape[3]];
  return new Map<string, SavedValue>([
    ...caseProperties(image, properties, reader),
    [
      'class_locations',
      new Map(locations.map((each) => [classKey(each), coordinates(each.voxels, spatial)])),
    ],
  ]);
}

function classKey({ labels, isRegion }: ClassLocations): number | PickleTuple {
  return isRegion ? new PickleTuple([...labels]) : labels[0];
}

/** Rows `(0, z, y, x)` of int64, as `numpy.argwhere` gives them; an empty list where there are none. */
function coordinates(voxels: Uint32Array, [, nY, nX]: Zyx): SavedValue {
  if (voxels.length === 0) return [];
  // Little-endian pairs of 32-bit halves; the upper ones stay 0.
  const rows = new Uint32Array(voxels.length * 8);
  for (let i = 0; i < voxels.length; i++) {
    const x = voxels[i] % nX;
    const row = (voxels[i] - x) / nX;
    rows[i * 8 + 2] = Math.floor(row / nY);
    rows[i * 8 + 4] = row % nY;
    rows[i * 8 + 6] = x;
  }
  return new NumpyArrayToSave('<i8', [voxels.length, 4], new Uint8Array(rows.buffer));
}
