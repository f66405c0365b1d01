import { Alert, Button, Group, Text } from '@mantine/core';
import type { PreviousStageGap } from '@/app/train/missingFirstStage';
import type { ConfigurationOverview, PlansOverview } from '@/core/planning/plansOverview';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { plural } from '../formats';
import { goTo } from '../route';
import { useStudio } from '../useStudio';
import { arraysOf } from './newTraining';
import type { FirstStageState } from './useNewTraining';

interface SecondStageNoteProps {
  readonly stage: string;
  readonly firstStage: FirstStageState;
  /** Turns the form to the first stage. */
  readonly onTrain: (configuration: string, folds: readonly string[]) => void;
  readonly onClose: () => void;
}

/** For the second stage of a cascade: what it starts from, and what of that is missing. */
export function SecondStageNote({ stage, firstStage, onTrain, onClose }: SecondStageNoteProps) {
  switch (firstStage.status) {
    case 'none':
      return null;
    case 'reading':
      return (
        <Text size="xs" c="dimmed">
          Second stage of a cascade. Looking for what {stage} has found …
        </Text>
      );
    case 'ready':
      return (
        <Text size="xs" c="dimmed">
          Second stage of a cascade: it starts from what {stage} found in all {firstStage.cases} cases.
        </Text>
      );
    case 'missing':
      return <Missing stage={stage} gap={firstStage.gap} onTrain={onTrain} onClose={onClose} />;
    default:
      return firstStage satisfies never;
  }
}

interface MissingProps extends Omit<SecondStageNoteProps, 'firstStage'> {
  readonly gap: PreviousStageGap;
}

function Missing({ stage, gap, onTrain, onClose }: MissingProps) {
  const { trainings } = useStudio();
  const { missing, total, foldsToTrain, foldsUnderWay, runsToValidate } = gap;
  const validate = () => {
    onClose();
    for (const { id } of runsToValidate) void trainings.resume(id);
    goTo('train', runsToValidate[0].id);
  };
  return (
    <Alert color="yellow" variant="light" title={`${stage} comes first`}>
      <Text size="sm">
        This second stage of a cascade starts from what {stage} finds in every case; the validation of its
        folds tells. {missing === total ? 'No case is there yet' : `${missing} of ${total} cases are missing`}
        .{foldsUnderWay.length > 0 && ` ${foldNames(foldsUnderWay)} not finished yet.`}
      </Text>
      <Group gap="xs" mt="xs">
        {foldsToTrain.length > 0 && (
          <Button size="compact-sm" onClick={() => onTrain(stage, foldsToTrain)}>
            Choose {stage}, {foldsToTrain.length === 1 ? 'fold' : 'folds'} {foldsToTrain.join(', ')}
          </Button>
        )}
        {runsToValidate.length > 0 && (
          <Button size="compact-sm" variant="default" onClick={validate}>
            Validate {plural(runsToValidate.length, 'fold')} of {stage} again
          </Button>
        )}
      </Group>
    </Alert>
  );
}

function foldNames(folds: readonly string[]): string {
  return folds.length === 1 ? `Fold ${folds[0]} is` : `Folds ${folds.join(', ')} are`;
}

interface FirstStageNoteProps {
  readonly dataset: DatasetRecord;
  readonly plansName: string | undefined;
  readonly overview: PlansOverview | undefined;
  readonly configuration: ConfigurationOverview;
}

/** For the first stage of a cascade: its validation speaks to the second only where that one is prepared by then. */
export function FirstStageNote({ dataset, plansName, overview, configuration }: FirstStageNoteProps) {
  const { datasets } = useStudio();
  const next = overview?.configurations.find(({ previousStage }) => previousStage === configuration.name);
  if (!next || plansName === undefined || (arraysOf(dataset, next)?.cases ?? 0) >= dataset.caseCount)
    return null;
  return (
    <Group gap="xs" wrap="nowrap" justify="space-between">
      <Text size="xs" c="dimmed">
        First stage of {next.name}. To train that one too, its cases must be prepared before this one is
        validated.
      </Text>
      <Button
        size="compact-xs"
        variant="default"
        flex="none"
        disabled={dataset.tasks.length > 0}
        onClick={() =>
          void datasets.enqueue(dataset.name, [
            { kind: 'preprocess', plansName, configurations: [next.name] },
          ])
        }
      >
        Prepare them
      </Button>
    </Group>
  );
}
