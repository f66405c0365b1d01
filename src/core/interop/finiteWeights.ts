import { StudioError } from '@/shared/errors';

/** Place of the first value that is NaN or infinite; -1 where all are numbers. */
export function firstNotFinite(values: Float32Array): number {
  return values.findIndex((value) => !Number.isFinite(value));
}

/** Throws `WeightsNotFinite`, naming the file and the tensor, where a weight is NaN or infinite: such a model segments nothing. */
export function assertFiniteWeights(
  weights: Iterable<readonly [string, { readonly data: Float32Array }]>,
  file: string,
): void {
  for (const [name, { data }] of weights) {
    const at = firstNotFinite(data);
    if (at < 0) continue;
    const count = data.reduce((sum, value) => sum + (Number.isFinite(value) ? 0 : 1), 0);
    throw new StudioError(
      'WeightsNotFinite',
      `${file}: ${count} of the ${data.length} weights of ${name} ${count === 1 ? 'is' : 'are'} not finite (${data[at]}), as when a training has diverged. With them every voxel would become background.`,
      'Take an earlier checkpoint (checkpoint_best.pth), or train again with a smaller learning rate.',
    );
  }
}
