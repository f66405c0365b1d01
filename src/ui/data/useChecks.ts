import { useEffect, useState } from 'react';
import type { CaseCheck } from '@/core/dataset/integrity';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { useStudio } from '../useStudio';

/** Every case with what the check found; `undefined` until it is read. Read again after another check. */
export function useChecks({ name, check }: DatasetRecord): readonly CaseCheck[] | undefined {
  const { datasets } = useStudio();
  const [checks, setChecks] = useState<readonly CaseCheck[]>();
  const checkedAt = check?.checkedAt;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another check found other things
  useEffect(() => {
    let isCurrent = true;
    void datasets.api.readChecks(name).then((found) => {
      if (isCurrent) setChecks(found);
    });
    return () => {
      isCurrent = false;
    };
  }, [datasets, name, checkedAt]);
  return checks;
}
