import { useEffect, useState } from 'react';
import type { CaseCheck } from '@/core/dataset/integrity';
import type { CaseGlance, DatasetRecord } from '@/storage/datasetRecord';
import { useStudio } from '../useStudio';

/** Pictures of the given cases, by case id, as far as they are read. */
export function useGlances(
  { name, check }: DatasetRecord,
  rows: readonly CaseCheck[],
): ReadonlyMap<string, CaseGlance> {
  const { datasets } = useStudio();
  const [glances, setGlances] = useState<ReadonlyMap<string, CaseGlance>>(new Map());
  const wanted = rows.map(({ caseId }) => caseId).join('\n');
  const checkedAt = check?.checkedAt;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another check made other pictures
  useEffect(() => {
    let isCurrent = true;
    const caseIds = wanted === '' ? [] : wanted.split('\n');
    void datasets.api.readGlances(name, caseIds).then((found) => {
      if (!isCurrent) return;
      setGlances(new Map(caseIds.flatMap((caseId, i) => (found[i] ? [[caseId, found[i]]] : []))));
    });
    return () => {
      isCurrent = false;
    };
  }, [datasets, name, wanted, checkedAt]);
  return glances;
}
