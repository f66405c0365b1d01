import { Alert, Loader, Text } from '@mantine/core';
import { IconCpu } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { passesOf } from '@/app/segment/predictionCost';
import { messageOf } from '@/shared/errors';
import type { CaseRecord, PredictRequest } from '@/storage/caseRecord';
import type { ModelRecord } from '@/storage/modelLibrary';
import { formatCount, formatSeconds } from '../formats';
import { useStudio, useSystem } from '../useStudio';

interface ProcessorNoteProps {
  readonly current: CaseRecord;
  readonly model: ModelRecord;
  /** First stage of a cascade. */
  readonly previous: ModelRecord | undefined;
  readonly job: PredictRequest;
}

type Measured =
  | { readonly status: 'measuring' }
  | { readonly status: 'measured'; readonly seconds: number }
  | { readonly status: 'failed'; readonly reason: string };

/** That the processor computes, why, and how long it will take: from one window measured here and now. */
export function ProcessorNote({ current, model, previous, job }: ProcessorNoteProps) {
  const measured = useMeasuredWindow(job, current.run.status === 'running');
  const { foreignNetwork } = model.model;
  const folds = job.previousStage && { folds: job.previousStage.folds };
  const first = previous && folds && { model: previous.model, ...folds };
  const passes = passesOf(model.model, current.image, job.settings, first);
  const why =
    foreignNetwork?.engine === 'onnxruntime'
      ? `onnxruntime runs this network on the processor: ${foreignNetwork.reason}.`
      : 'No GPU available: onnxruntime runs this network on the processor.';
  return (
    <Alert color="blue" variant="light" p="xs" icon={<IconCpu aria-hidden />} title="On the processor">
      <Text size="xs">{why}</Text>
      <Text size="xs" mt={4} role="status">
        {measured.status === 'measuring' && (
          <>
            <Loader size={10} aria-hidden /> Measuring one window …
          </>
        )}
        {measured.status === 'failed' && measured.reason}
        {measured.status === 'measured' && (
          <>
            About {formatSeconds(measured.seconds * passes)}: the network runs {formatCount(passes)} times,{' '}
            {formatSeconds(measured.seconds)} each, measured here just now.
          </>
        )}
      </Text>
    </Alert>
  );
}

/** Seconds a window by model, measured since the page was loaded. */
const measuredByModel = new Map<string, number>();

/** One window of the job's model, timed once while nothing else is computed. */
function useMeasuredWindow(job: PredictRequest, isBusy: boolean): Measured {
  const { predictor } = useStudio();
  const [failure, setFailure] = useState<string>();
  const [, showMeasured] = useState(0);
  const { modelId } = job;
  const seconds = measuredByModel.get(modelId);
  const isNeeded = seconds === undefined && !isBusy;
  // biome-ignore lint/correctness/useExhaustiveDependencies: other settings do not change how long a window takes
  useEffect(() => {
    if (!isNeeded) return;
    let isCurrent = true;
    setFailure(undefined);
    predictor.measureWindow(job).then(
      (measured) => {
        if (measured !== undefined) measuredByModel.set(modelId, measured);
        if (isCurrent) showMeasured(Date.now());
      },
      (error: unknown) => {
        if (isCurrent) setFailure(messageOf(error));
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [predictor, modelId, isNeeded]);
  if (seconds !== undefined) return { status: 'measured', seconds };
  return failure === undefined ? { status: 'measuring' } : { status: 'failed', reason: failure };
}

/** Whether the processor would run the model here, and whether that has been agreed to. */
export function useProcessor(model: ModelRecord | undefined): 'not needed' | 'chosen' | 'to be chosen' {
  const isMissing = useSystem(({ gpu }) => gpu.status === 'missing');
  const usesProcessor = useSystem((state) => state.usesProcessor);
  if (model?.model.foreignNetwork?.engine === 'onnxruntime') return 'chosen';
  if (!isMissing) return 'not needed';
  return usesProcessor ? 'chosen' : 'to be chosen';
}
