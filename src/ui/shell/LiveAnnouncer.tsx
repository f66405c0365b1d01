import { useEffect, useRef, useState } from 'react';
import type { CaseRecord } from '@/storage/caseRecord';
import { stageText } from '../components/stages';
import { useChoices, useDatasets, useEvaluations, useQueue, useTrainings } from '../useStudio';

/** Tells screen readers what is worked on: each stage as it begins, each outcome. */
export function LiveAnnouncer() {
  const stage = useQueue(({ running }) => running?.progress && stageText(running.progress));
  const cases = useQueue((state) => state.cases);
  const [outcome, setOutcome] = useState('');
  const before = useRef(cases);

  useEffect(() => {
    const changed = cases.find((one) => {
      const old = before.current.find(({ id }) => id === one.id);
      return old && old.run.status !== one.run.status;
    });
    before.current = cases;
    const text = changed && outcomeText(changed);
    if (text) setOutcome(text);
  }, [cases]);

  const datasetOutcome = useDatasets((state) => state.outcome);
  const datasetStage = useDatasets(
    ({ running }) => running && `${running.name}: ${running.progress?.stage ?? ''}`,
  );
  useEffect(() => {
    if (datasetOutcome) setOutcome(datasetOutcome);
  }, [datasetOutcome]);

  const trainingOutcome = useTrainings((state) => state.outcome);
  useEffect(() => {
    if (trainingOutcome) setOutcome(trainingOutcome);
  }, [trainingOutcome]);

  const evaluationOutcome = useEvaluations((state) => state.outcome);
  useEffect(() => {
    if (evaluationOutcome) setOutcome(evaluationOutcome);
  }, [evaluationOutcome]);

  const choiceOutcome = useChoices((state) => state.outcome);
  useEffect(() => {
    if (choiceOutcome) setOutcome(choiceOutcome);
  }, [choiceOutcome]);

  return (
    <div role="status" className="visuallyHidden">
      {stage ?? datasetStage ?? outcome}
    </div>
  );
}

function outcomeText({ caseId, run }: CaseRecord): string | undefined {
  switch (run.status) {
    case 'done':
      return `${caseId} is segmented.`;
    case 'failed':
      return `${caseId} failed: ${run.error.message}`;
    case 'cancelled':
      return `${caseId} was cancelled.`;
    case 'idle':
    case 'queued':
    case 'running':
      return undefined;
    default:
      return run satisfies never;
  }
}
