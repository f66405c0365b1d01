import { Alert, Button, Checkbox, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { addLabels } from '@/app/data/addDataset';
import type { LabelsProposal } from '@/workers/data/api';
import { formatCount, plural } from '../formats';
import { goTo } from '../route';
import { useDatasets, useStudio } from '../useStudio';
import styles from './data.module.css';
import { ErrorLine } from './ErrorLine';
import { labelsChoice, newLabelsError, startLabelsForm } from './labelsForm';

/** Says which label maps fit which cases of a dataset, and asks before anything is written. */
export function LabelsDialog() {
  const { datasets } = useStudio();
  const labels = useDatasets((state) => state.labels);
  const close = () => datasets.store.setState({ labels: undefined });
  return (
    <Modal opened={labels !== undefined} onClose={close} title="Add label maps" size="lg">
      {labels && <Form proposal={labels.proposal} onCancel={close} />}
    </Modal>
  );
}

function Form({ proposal, onCancel }: { proposal: LabelsProposal; onCancel: () => void }) {
  const studio = useStudio();
  const [form, setForm] = useState(() => startLabelsForm(proposal));
  const { name, matches, newValues } = proposal;
  const fresh = matches.filter(({ isThere }) => !isThere).length;
  const there = matches.length - fresh;
  const wanted = fresh + (form.replaces ? there : 0);
  const error = newLabelsError(form, proposal);
  const submit = () =>
    addLabels(studio, labelsChoice(form, proposal)).then((outcome) => {
      if (outcome.status === 'imported') goTo('data', outcome.name);
    });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (wanted > 0 && error === undefined) void submit();
      }}
    >
      <Stack gap="sm">
        <Text size="sm">
          {matches.length === 0
            ? `None of the files is a label map that fits a case of ${name}.`
            : `${plural(fresh, 'case')} of ${name} without a label map ${fresh === 1 ? 'gets' : 'get'} one.`}
        </Text>
        <Refused refused={proposal.refused} />
        {there > 0 && (
          <Checkbox
            size="sm"
            label={`Replace the label maps of ${plural(there, 'case')} that ${there === 1 ? 'has' : 'have'} one already`}
            description="The fingerprint and what was preprocessed of these cases are removed, as they no longer fit."
            checked={form.replaces}
            onChange={({ currentTarget }) => setForm({ ...form, replaces: currentTarget.checked })}
          />
        )}
        {newValues.length > 0 && (
          <fieldset className={styles.fieldset}>
            <legend>New labels</legend>
            <Text size="xs" c="dimmed" mb={6}>
              The label maps hold values that dataset.json does not declare yet. Name them.
            </Text>
            <Stack gap={6}>
              {newValues.map(({ value, cases }, i) => (
                <TextInput
                  key={value}
                  size="xs"
                  aria-label={`Name of label ${value}`}
                  leftSection={<Text size="xs">{value}</Text>}
                  rightSectionWidth={90}
                  rightSection={
                    <Text size="xs" c="dimmed">
                      {plural(cases, 'case')}
                    </Text>
                  }
                  value={form.names[i]}
                  onChange={({ currentTarget }) =>
                    setForm({ ...form, names: form.names.with(i, currentTarget.value) })
                  }
                />
              ))}
            </Stack>
            {error && <ErrorLine text={error} />}
          </fieldset>
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
          <Button type="submit" disabled={wanted === 0 || error !== undefined} data-autofocus>
            Add {plural(wanted, 'label map')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

const LISTED = 6;

function Refused({ refused }: Pick<LabelsProposal, 'refused'>) {
  if (refused.length === 0) return null;
  return (
    <Alert
      color="gray"
      variant="light"
      title={`${plural(refused.length, 'file')} cannot be used`}
      style={{ overflowWrap: 'anywhere' }}
    >
      {refused.slice(0, LISTED).map(({ path, reason }) => (
        <Text key={path} size="xs">
          {path}: {reason}.
        </Text>
      ))}
      {refused.length > LISTED && <Text size="xs">and {formatCount(refused.length - LISTED)} more</Text>}
    </Alert>
  );
}
