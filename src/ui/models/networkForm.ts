// The form for a foreign ONNX network without its looks: where it starts, and the JSON that it writes.
import {
  type NetworkDescriptionInput,
  type OnnxFacts,
  readNetworkDescription,
} from '@/core/interop/foreignNetwork';
import { pythonJson } from '@/core/interop/pythonJson';
import { type NormalizationScheme, normalizationNamed } from '@/core/preprocessing/normalization/schemes';
import { messageOf } from '@/shared/errors';

export interface NetworkForm {
  readonly name: string;
  /** Names, with commas between. */
  readonly channels: string;
  /** Voxels as x, y, z of the image, with spaces or × between. */
  readonly patch: string;
  /** mm, likewise; empty: images are taken as they are. */
  readonly spacing: string;
  readonly scheme: NormalizationScheme;
  /** For the schemes that need those of the training set. */
  readonly intensities: Readonly<Record<Intensity, string>>;
  /** Names in the order of the output's channels, background first, with commas between. */
  readonly labels: string;
  readonly layout: string;
  readonly activation: OnnxFacts['activation'];
  readonly mirrorAxes: readonly string[];
  readonly cropsToNonzero: boolean;
}

export const INTENSITIES = ['mean', 'std', 'percentile_00_5', 'percentile_99_5'] as const;
export type Intensity = (typeof INTENSITIES)[number];

/** The form filled in as far as the file tells. `path`: of the `.onnx` file. */
export function startNetworkForm(path: string, facts: OnnxFacts): NetworkForm {
  const { channels = 1, classes, patchSize, layout, activation } = facts;
  const name = path.slice(path.lastIndexOf('/') + 1).replace(/\.onnx$/i, '');
  const labels = Array.from({ length: classes ?? 2 }, (_, i) => (i === 0 ? 'background' : `label ${i}`));
  return {
    name,
    channels: Array.from({ length: channels }, (_, i) => (channels === 1 ? 'image' : `channel ${i}`)).join(
      ', ',
    ),
    patch: toXyz(
      patchSize.map((size) => size ?? 128),
      layout,
    ).join(' × '),
    spacing: '',
    scheme: 'ZScoreNormalization',
    intensities: { mean: '', std: '', percentile_00_5: '', percentile_99_5: '' },
    labels: labels.join(', '),
    layout,
    activation,
    mirrorAxes: [],
    cropsToNonzero: false,
  };
}

/** The form with the axes of the input in another order: the patch stays what it is for the network. */
export function withLayout(form: NetworkForm, layout: string): NetworkForm {
  const patch = toXyz(fromXyz(numbersOf(form.patch), form.layout), layout);
  return { ...form, layout, patch: patch.some(Number.isNaN) ? form.patch : patch.join(' × ') };
}

/** Letters of the input's axes in its own order, as `z`, `y`, `x`. */
export function axesOfLayout(layout: string): readonly string[] {
  return [...layout].filter((letter) => 'XYZ'.includes(letter)).map((axis) => axis.toLowerCase());
}

/** `x`, `y` and `z`, as the form has sizes. */
export function xyzOfLayout(layout: string): readonly string[] {
  return axesOfLayout(layout).toSorted();
}

/** The JSON that the form stands for. */
export function describedBy(form: NetworkForm): NetworkDescriptionInput {
  const names = listOf(form.labels);
  const intensities = INTENSITIES.filter((key) => form.intensities[key].trim() !== '').map(
    (key) => [key, Number(form.intensities[key])] as const,
  );
  return {
    version: 1,
    name: form.name.trim(),
    channels: listOf(form.channels),
    spacing: form.spacing.trim() === '' ? null : fromXyz(numbersOf(form.spacing), form.layout),
    patch_size: fromXyz(numbersOf(form.patch), form.layout),
    normalization: normalizationNamed(form.scheme).needsIntensities
      ? { scheme: form.scheme, ...Object.fromEntries(intensities) }
      : form.scheme,
    labels: new Map(names.map((name, i) => [name, i])),
    layout: form.layout,
    activation: form.activation,
    mirror_axes: form.mirrorAxes.map(Number),
    crop_to_nonzero: form.cropsToNonzero,
  };
}

/** What keeps the form from being used, in one sentence; `undefined` where nothing does. */
export function networkFormError(form: NetworkForm, { channels, classes }: OnnxFacts): string | undefined {
  const names = listOf(form.labels);
  if (new Set(names).size < names.length) return 'Two labels have the same name.';
  if (classes !== undefined && names.length !== classes) {
    return `The network gives ${classes} channels, and there are ${names.length} labels; the background counts.`;
  }
  const given = listOf(form.channels).length;
  if (channels !== undefined && given !== channels) {
    return `The network takes ${channels} channels, and ${given} are named.`;
  }
  const { needsIntensities, label } = normalizationNamed(form.scheme);
  if (needsIntensities && INTENSITIES.some((key) => form.intensities[key].trim() === '')) {
    return `${label} normalisation needs mean, standard deviation and both percentiles of the training data.`;
  }
  try {
    readNetworkDescription(pythonJson(describedBy(form)), 'The form');
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Values along the network's axes as x, y, z; as they are where they are not one for each axis. */
function toXyz(values: readonly number[], layout: string): number[] {
  return reordered(values, axesOfLayout(layout), xyzOfLayout(layout));
}

/** The inverse of {@link toXyz}. */
function fromXyz(values: readonly number[], layout: string): number[] {
  return reordered(values, xyzOfLayout(layout), axesOfLayout(layout));
}

function reordered(values: readonly number[], before: readonly string[], after: readonly string[]): number[] {
  return values.length === before.length ? after.map((axis) => values[before.indexOf(axis)]) : [...values];
}

function listOf(text: string): string[] {
  return text
    .split(/[,\n]/)
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

function numbersOf(text: string): number[] {
  return text
    .split(/[\s×x,]+/)
    .filter((each) => each !== '')
    .map(Number);
}
