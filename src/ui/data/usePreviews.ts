import { useEffect, useState } from 'react';
import type { CaseCheck } from '@/core/dataset/integrity';
import type { CasePreview, DatasetRecord } from '@/storage/datasetRecord';
import { useStudio } from '../useStudio';

/** Pictures of the given cases, by case id, as far as they are read. */
export function usePreviews(
  { name, check }: DatasetRecord,
  rows: readonly CaseCheck[],
): ReadonlyMap<string, CasePreview> {
  const { datasets } = useStudio();
  const [previews, setPreviews] = useState<ReadonlyMap<string, CasePreview>>(new Map());
  const wanted = rows.map(({ caseId }) => caseId).join('\n');
  const checkedAt = check?.checkedAt;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another check made other pictures
  useEffect(() => {
    let isCurrent = true;
    const caseIds = wanted === '' ? [] : wanted.split('\n');
    void datasets.api.readPreviews(name, caseIds).then((found) => {
      if (!isCurrent) return;
      setPreviews(new Map(caseIds.flatMap((caseId, i) => (found[i] ? [[caseId, found[i]]] : []))));
    });
    return () => {
      isCurrent = false;
    };
  }, [datasets, name, wanted, checkedAt]);
  return previews;
}
