import type { DatasetRecord, DeclaredLabel } from '@/storage/datasetRecord';

/** Declared labels and regions but the background. */
export function foregroundLabels({ labels }: Pick<DatasetRecord, 'labels'>): readonly DeclaredLabel[] {
  return labels.filter(({ values }) => values.some((value) => value !== 0));
}
