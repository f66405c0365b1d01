import { Button, Checkbox, Group, Progress, Switch, Table, Text } from '@mantine/core';
import { IconTrophy } from '@tabler/icons-react';
import { useState } from 'react';
import { type CandidateRuns, candidateRuns, missingFolds } from '@/app/choose/candidateRuns';
import { modelIdentifier } from '@/core/evaluation/inferenceInstructions';
import { nanMean } from '@/shared/statistics';
import type { FoldFiles } from '@/workers/choose/api';
import { ErrorNote } from '../components/ErrorNote';
import { ScrollTable } from '../components/ScrollTable';
import { formatDice } from '../components/trainFormats';
import { plural } from '../formats';
import { addressOf, goTo } from '../route';
import { useChoices, useStudio, useTrainings } from '../useStudio';
import styles from './choose.module.css';
import { useFoldNumbers } from './useFoldNumbers';
import { useSurvey } from './useSurvey';

/** What was trained, what is missing, and go. */
export function Candidates({ datasetName }: { datasetName: string }) {
  const { choices } = useStudio();
  const runs = useTrainings((state) => state.runs);
  const running = useChoices((state) => state.running);
  const failure = useChoices((state) => state.failures[datasetName]);
  const candidates = candidateRuns(runs, datasetName);
  const available = useFoldNumbers(datasetName, candidates);
  const [chosenFolds, setFolds] = useState<readonly number[]>();
  const [isEnsembling, setIsEnsembling] = useState(true);
  const files = useSurvey(candidates);

  const folds = chosenFolds ?? usualFolds(candidates, available);
  const complete = candidates.filter((one) => folds.length > 0 && missingFolds(one, folds).length === 0);
  const lacking = complete.flatMap((one) => runsWithoutProbabilities(one, folds, files));
  const canEnsemble = complete.length > 1;
  const start = () =>
    choices.find({
      datasetName,
      folds,
      isEnsemblingAllowed: isEnsembling && canEnsemble && lacking.length === 0,
      candidates: complete.map(({ folds: trained, ...model }) => ({
        ...model,
        folds: trained.map(({ fold, run }) => ({ fold, runId: run.order.runId })),
      })),
    });

  return (
    <section className={styles.section} aria-label="Candidates">
      <h2>
        Candidates <span>trained and validated here</span>
      </h2>
      <ScrollTable name="Candidates" minWidth={640}>
        <Table className={styles.table} verticalSpacing={6} aria-label="Candidates">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Configuration</Table.Th>
              <Table.Th>Trainer, plans</Table.Th>
              <Table.Th>Folds</Table.Th>
              <Table.Th
                className="number"
                title="Mean over the folds that are validated, of each one's mean Dice"
              >
                Dice of the folds
              </Table.Th>
              <Table.Th title="Of validated cases; pairs are averaged from them">Probabilities</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {candidates.map((candidate) => (
              <CandidateRow
                key={modelIdentifier(candidate)}
                candidate={candidate}
                folds={folds}
                files={files}
              />
            ))}
          </Table.Tbody>
        </Table>
      </ScrollTable>
      {candidates.length === 0 && (
        <Text size="sm" c="dimmed" py="sm">
          No fold of {datasetName} is trained and validated yet.
        </Text>
      )}
      <Checkbox.Group
        label="Folds"
        description="Every candidate needs all of them. nnU-Net takes all five; with fewer, fewer cases count."
        value={folds.map(String)}
        onChange={(values) => setFolds(available.filter((fold) => values.includes(`${fold}`)))}
      >
        <Group gap="md" mt={6}>
          {available.map((fold) => (
            <Checkbox key={fold} value={`${fold}`} label={`${fold}`} />
          ))}
        </Group>
      </Checkbox.Group>
      <Switch
        mt="md"
        label="Try pairs too"
        description={
          canEnsemble
            ? 'The probabilities of two configurations averaged: often the best, at the cost of both.'
            : 'Needs two candidates with all chosen folds.'
        }
        checked={isEnsembling && canEnsemble}
        disabled={!canEnsemble}
        onChange={({ currentTarget }) => setIsEnsembling(currentTarget.checked)}
      />
      {isEnsembling && canEnsemble && lacking.length > 0 && <MissingProbabilities runIds={lacking} />}
      {failure && <ErrorNote title="Nothing could be chosen" where={datasetName} {...failure} />}
      <Group mt="md" gap="md">
        <Button
          leftSection={<IconTrophy size={17} aria-hidden />}
          disabled={complete.length === 0 || running !== undefined}
          onClick={() => void start()}
        >
          Find the best
        </Button>
        {running === undefined && complete.length < candidates.length && (
          <Text size="xs" c="dimmed">
            {complete.length === 0
              ? 'No candidate has all of these folds.'
              : `${plural(candidates.length - complete.length, 'candidate')} left out: folds are missing.`}
          </Text>
        )}
        {running === undefined && candidates.length === 0 && (
          <Button variant="light" onClick={() => goTo('train', datasetName)}>
            Train {datasetName}
          </Button>
        )}
        {running?.datasetName === datasetName && (
          <div className={styles.running}>
            <Text size="xs">
              {STAGES[running.progress?.stage ?? 'cross-validation']} {running.progress?.name ?? ''}
            </Text>
            <Progress
              value={100 * (running.progress?.share ?? 0)}
              size="sm"
              aria-label="Progress of the choice"
            />
          </div>
        )}
        {running?.datasetName === datasetName && (
          <Button size="xs" variant="default" onClick={() => choices.cancel()}>
            Cancel
          </Button>
        )}
      </Group>
    </section>
  );
}

const STAGES = {
  'cross-validation': 'Judging',
  ensemble: 'Averaging',
  postprocessing: 'Trying postprocessing on',
} as const;

/** All, where somebody has them; otherwise those of whoever has the most. */
function usualFolds(candidates: readonly CandidateRuns[], available: readonly number[]): readonly number[] {
  const fullest = candidates.toSorted((a, b) => b.folds.length - a.folds.length)[0];
  if (!fullest || missingFolds(fullest, available).length === 0) return available;
  return fullest.folds.map(({ fold }) => fold);
}

function runsWithoutProbabilities(
  candidate: CandidateRuns,
  folds: readonly number[],
  files: ReadonlyMap<string, FoldFiles>,
): readonly string[] {
  return candidate.folds.flatMap(({ fold, run }) => {
    const found = files.get(run.order.runId);
    return folds.includes(fold) && found && found.withProbabilities < found.cases ? [run.id] : [];
  });
}

interface CandidateRowProps {
  readonly candidate: CandidateRuns;
  readonly folds: readonly number[];
  readonly files: ReadonlyMap<string, FoldFiles>;
}

function CandidateRow({ candidate, folds, files }: CandidateRowProps) {
  const missing = missingFolds(candidate, folds);
  const wanted = candidate.folds.filter(({ fold }) => folds.includes(fold));
  const without = runsWithoutProbabilities(candidate, folds, files).length;
  const dice = nanMean(wanted.map(({ run }) => run.validation?.meanDice ?? Number.NaN));
  return (
    <Table.Tr data-missing={missing.length > 0 ? '' : undefined}>
      <Table.Td>
        <b>{candidate.configuration}</b>
      </Table.Td>
      <Table.Td>
        {candidate.trainer}, {candidate.plans}
      </Table.Td>
      <Table.Td className={styles.folds}>
        {candidate.folds.map(({ fold, run }) => (
          <a key={fold} className={styles.fold} href={addressOf('train', run.id)}>
            {fold}
          </a>
        ))}
        {missing.length > 0 && (
          <span className={styles.missing}>
            {missing.length === 1 ? 'fold' : 'folds'} {missing.join(', ')} not validated
          </span>
        )}
      </Table.Td>
      <Table.Td className="number">{formatDice(dice)}</Table.Td>
      <Table.Td>{without === 0 ? 'kept' : `not kept of ${plural(without, 'fold')}`}</Table.Td>
    </Table.Tr>
  );
}

/** Pairs need what validation did not keep: it can be made again. */
function MissingProbabilities({ runIds }: { runIds: readonly string[] }) {
  const { trainings } = useStudio();
  const waiting = useTrainings(
    ({ runs }) =>
      runs.filter(
        ({ id, state }) => runIds.includes(id) && (state.status === 'waiting' || state.status === 'running'),
      ).length,
  );
  return (
    <div className={styles.note}>
      <Text size="sm">
        {waiting > 0
          ? `${plural(waiting, 'validation')} under way; pairs can be tried once they are done.`
          : `Pairs are left out: ${plural(runIds.length, 'validation')} kept no probabilities.`}
      </Text>
      {waiting === 0 && (
        <Button size="xs" variant="default" onClick={() => void trainings.validateWithProbabilities(runIds)}>
          Validate again with probabilities
        </Button>
      )}
    </div>
  );
}
