import { Alert, Button, Group, Text, Textarea } from '@mantine/core';
import { useState } from 'react';
import type { PlansEntry } from '@/app/plan/plansStore';
import { checkPlansText } from '@/core/planning/checkPlansText';
import { assertPlansName } from '@/core/planning/editPlans';
import { useStudio } from '../useStudio';
import { problemOf, useTakenNames } from './EditPlans';
import editing from './edit.module.css';
import styles from './plan.module.css';
import { showPlans } from './planActions';

/** The file itself. A changed text is checked as it is typed, and saved under the name it gives itself. */
export function JsonEditor({ entry, onDone }: { entry: PlansEntry; onDone: () => void }) {
  const { plans } = useStudio();
  const taken = useTakenNames(entry);
  const [text, setText] = useState(entry.text);
  const [failure, setFailure] = useState<string>();
  const isChanged = text !== entry.text;
  const { plansName, problems } = checkPlansText(text, `${entry.plansName}.json`);
  const nameProblem =
    isChanged && plansName !== undefined ? problemOf(() => assertPlansName(plansName, taken)) : undefined;
  const all = nameProblem ? [...problems, `plans_name: ${nameProblem}`] : problems;

  const save = async () => {
    try {
      showPlans(await plans.saveBeside(entry, text));
      onDone();
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
    }
  };

  return (
    <div className={editing.json}>
      <Textarea
        aria-label="Plans as JSON"
        value={text}
        onChange={({ currentTarget }) => setText(currentTarget.value)}
        autosize={false}
        spellCheck={false}
        classNames={{ input: styles.code }}
      />
      <div aria-live="polite">
        {all.map((problem) => (
          <Alert key={problem} color="red" variant="light" mt="xs">
            {problem}
          </Alert>
        ))}
        {failure && (
          <Alert color="red" variant="light" mt="xs">
            {failure}
          </Alert>
        )}
      </div>
      <Group mt="sm" gap="xs">
        <Button disabled={!isChanged || all.length > 0} onClick={() => void save()}>
          Save as new plans
        </Button>
        <Button variant="default" disabled={!isChanged} onClick={() => setText(entry.text)}>
          Undo all changes
        </Button>
        <Text size="xs" c="dimmed">
          Change plans_name: edits are kept as new plans, the old ones stay. Here sizes are in the file’s own
          order, that of the network’s axes.
        </Text>
      </Group>
    </div>
  );
}
