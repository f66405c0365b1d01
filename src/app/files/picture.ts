import type { StoredImageFacts } from '@/storage/caseRecord';

/** Whether an image is a picture rather than a volume: a single slice of which no file says where in a body it lies. */
export function isPicture({ shape, orientation }: Pick<StoredImageFacts, 'shape' | 'orientation'>): boolean {
  return shape[0] === 1 && orientation === undefined;
}
