import { Button, CopyButton, Group, Table, Text } from '@mantine/core';
import { IconCopy, IconDownload, IconLayersSelectedBottom, IconTrophy } from '@tabler/icons-react';
import { nameOfStep, recipeId, recipesOf } from '@/app/choose/bestConfiguration';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { describeStep } from '@/core/postprocessing/steps';
import type { ChoiceRecord, ChoiceScore } from '@/storage/choiceRecord';
import { ScrollTable } from '../components/ScrollTable';
import { formatDice } from '../components/trainFormats';
import { saveFile } from '../files/saveFile';
import { plural } from '../formats';
import { useLabelColumns, WorstLabel } from '../labels/labelColumns';
import { MANY_LABELS, namesInShort } from '../labels/labelFilter';
import labelStyles from '../labels/labels.module.css';
import { goTo } from '../route';
import { useLibrary, useStudio } from '../useStudio';
import styles from './choose.module.css';

/** All candidates with their Dice, the best one first, and what to do with it. */
export function ChoiceResult({ choice }: { choice: ChoiceRecord }) {
  const { selection } = useStudio();
  const library = useLibrary((state) => state.models);
  const isThere = recipesOf([choice], library).length > 0;
  const scores = choice.scores.toSorted((a, b) => rank(b) - rank(a));
  const names = choice.labels.map(({ name }) => name);
  const { shown, isLong, chooser } = useLabelColumns(names);
  const best = choice.scores.find(({ name }) => name === choice.best);
  const save = (name: string, text: string) => saveFile({ name, content: new Blob([text]) });
  return (
    <section className={styles.section} aria-label="Outcome">
      <div className={styles.sectionHead}>
        <h2>
          Cross-validation{' '}
          <span>
            folds {choice.folds.join(', ')}; {plural(best?.cases ?? 0, 'case')};{' '}
            {new Date(choice.foundAt).toLocaleString()}
          </span>
        </h2>
        <Button
          leftSection={<IconLayersSelectedBottom size={17} aria-hidden />}
          disabled={!isThere}
          onClick={() => {
            selection.setState({ modelId: recipeId(choice.datasetName) });
            goTo('segment');
          }}
        >
          Use the best
        </Button>
      </div>
      {!isThere && (
        <Text size="xs" c="yellow" mb="xs">
          A model of the best is no longer under Models, or lacks one of these folds: find the best again.
        </Text>
      )}
      {chooser}
      <ScrollTable name="Outcome" minWidth={480}>
        <Table className={styles.table} verticalSpacing={6} aria-label="Outcome">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Model or pair</Table.Th>
              <Table.Th
                className="number"
                title="Overlap with the reference, 0 to 1, mean over labels and cases"
              >
                Mean Dice
              </Table.Th>
              {isLong && <Table.Th>Worst label</Table.Th>}
              {shown.map((l) => (
                <Table.Th key={names[l]} className={`number ${labelStyles.cell}`} title={names[l]}>
                  {names[l]}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {scores.map((score) => (
              <Table.Tr key={score.name} data-best={score.name === choice.best ? '' : undefined}>
                <Table.Td>
                  {score.name === choice.best && (
                    <IconTrophy size={15} role="img" aria-label="The best" className={styles.trophy} />
                  )}
                  {namesOf(score, choice)}
                </Table.Td>
                <Table.Td className="number">{formatDice(score.meanDice)}</Table.Td>
                {isLong && <WorstLabel dice={score.labelDice} names={names} format={formatDice} />}
                {shown.map((l) => (
                  <Table.Td key={names[l]} className="number">
                    {formatDice(score.labelDice[l])}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollTable>
      <Postprocessing choice={choice} before={best?.meanDice ?? Number.NaN} />
      <details className={styles.instructions}>
        <summary>The same with nnU-Net's commands</summary>
        <pre>{choice.instructions}</pre>
        <Group gap="xs" mt="xs">
          <CopyButton value={choice.instructions}>
            {({ copied, copy }) => (
              <Button
                size="compact-xs"
                variant="default"
                leftSection={<IconCopy size={13} aria-hidden />}
                onClick={copy}
              >
                {copied ? 'Copied' : 'Copy'}
              </Button>
            )}
          </CopyButton>
          <Button
            size="compact-xs"
            variant="default"
            leftSection={<IconDownload size={13} aria-hidden />}
            onClick={() => save(NNUNET_FILES.inferenceInstructions, choice.instructions)}
          >
            inference_instructions.txt
          </Button>
          <Button
            size="compact-xs"
            variant="default"
            leftSection={<IconDownload size={13} aria-hidden />}
            onClick={() => save(NNUNET_FILES.inferenceInformation, choice.information)}
          >
            inference_information.json
          </Button>
        </Group>
      </details>
    </section>
  );
}

function Postprocessing({ choice, before }: { choice: ChoiceRecord; before: number }) {
  const { steps, trials, diceAfter } = choice.postprocessing;
  return (
    <div className={styles.postprocessing}>
      <Text size="sm" fw={600}>
        Postprocessing
      </Text>
      <Text size="sm">
        {steps.length === 0
          ? 'Keeping only the largest component helps no label: nothing is done.'
          : `Only the largest component is kept of ${namesInShort(
              steps.map((step) => nameOfStep(step, choice)),
              MANY_LABELS,
            )}: mean Dice ${formatDice(before)} without, ${formatDice(diceAfter)} with it.`}
      </Text>
      <ul>
        {trials.map(({ step, diceBefore, diceAfter: after, isAccepted }) => (
          <li key={describeStep(step)}>
            {nameOfStep(step, choice)}: {formatDice(diceBefore)} → {formatDice(after)},{' '}
            {isAccepted ? 'taken' : 'not taken'}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** `2d`, `2d + 3d_fullres`; with trainer and plans where configurations alone do not tell them apart. */
function namesOf({ models }: ChoiceScore, { scores }: ChoiceRecord): string {
  const all = scores.flatMap((score) => score.models);
  const differ = new Set(all.map(({ trainer, plans }) => `${trainer} ${plans}`)).size > 1;
  return models
    .map(({ configuration, trainer, plans }) =>
      differ ? `${configuration} (${trainer}, ${plans})` : configuration,
    )
    .join(' + ');
}

function rank({ meanDice }: ChoiceScore): number {
  return Number.isNaN(meanDice) ? -1 : meanDice;
}
