import {
  Alert,
  Button,
  Checkbox,
  Group,
  Modal,
  NumberInput,
  Stack,
  Table,
  Text,
  TextInput,
} from '@mantine/core';
import { useState } from 'react';
import { addPairs } from '@/app/data/addDataset';
import type { PairsFacts, PairsProposal } from '@/workers/data/api';
import type { GivenFile } from '@/workers/files/api';
import { ScrollTable } from '../components/ScrollTable';
import { formatCount, plural } from '../formats';
import { labelColor } from '../labelColors';
import { goTo } from '../route';
import { useDatasets, useStudio } from '../useStudio';
import styles from './data.module.css';
import { ErrorLine } from './ErrorLine';
import {
  hasNoLabelMaps,
  importedCases,
  labelValues,
  type PairsForm,
  pairsFacts,
  pairsFormErrors,
  startPairsForm,
} from './pairsForm';

interface PairsDialogProps {
  readonly onOpenImages: (files: readonly GivenFile[]) => void;
}

/** Asks what images, with or without label maps, are that have no dataset.json. */
export function PairsDialog({ onOpenImages }: PairsDialogProps) {
  const { datasets } = useStudio();
  const pairs = useDatasets((state) => state.pairs);
  const close = () => datasets.store.setState({ pairs: undefined });
  return (
    <Modal opened={pairs !== undefined} onClose={close} title="A new dataset" size="lg">
      {pairs && (
        <Form
          proposal={pairs.proposal}
          onCancel={close}
          onOpenImages={() => {
            close();
            onOpenImages(pairs.files);
          }}
        />
      )}
    </Modal>
  );
}

interface FormProps {
  readonly proposal: PairsProposal;
  readonly onCancel: () => void;
  readonly onOpenImages: () => void;
}

function Form({ proposal, onCancel, onOpenImages }: FormProps) {
  const studio = useStudio();
  const taken = useDatasets((state) => state.datasets.map(({ name }) => name));
  const [form, setForm] = useState(() => startPairsForm(proposal));
  const errors = pairsFormErrors(form, proposal, taken);
  const change = (part: Partial<PairsForm>) => setForm((before) => ({ ...before, ...part }));
  const submit = (facts: PairsFacts) =>
    addPairs(studio, facts).then((outcome) => {
      if (outcome.status === 'imported') goTo('data', outcome.name);
    });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (Object.keys(errors).length === 0) void submit(pairsFacts(form, proposal));
      }}
    >
      <Stack gap="sm">
        <Text size="sm">{summaryText(proposal)}</Text>
        {!hasNoLabelMaps(proposal) && proposal.unlabelled.length > 0 && (
          <Checkbox
            size="sm"
            label={`Also import ${plural(proposal.unlabelled.length, 'image')} without a label map`}
            description="nnU-Net plans and trains only once every case has one; you can add them later."
            checked={form.withUnlabelled}
            onChange={({ currentTarget }) => change({ withUnlabelled: currentTarget.checked })}
          />
        )}
        {proposal.unpaired.length > 0 && <Unpaired paths={proposal.unpaired} />}
        <Group gap="sm" align="flex-start" wrap="nowrap">
          <NumberInput
            label="Number"
            description="1 to 999"
            w={120}
            min={1}
            max={999}
            allowDecimal={false}
            value={form.id}
            error={errors.id}
            onChange={(value) => change({ id: Number(value) })}
          />
          <TextInput
            label="Name"
            description="Letters and digits"
            style={{ flex: 1 }}
            value={form.title}
            error={errors.title}
            onChange={({ currentTarget }) => change({ title: currentTarget.value })}
            data-autofocus
          />
        </Group>
        <Channels form={form} error={errors.channels} onChange={(channels) => change({ channels })} />
        <Labels
          form={form}
          proposal={proposal}
          error={errors.labels}
          onChange={(labels) => change({ labels })}
        />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
          {hasNoLabelMaps(proposal) && (
            <Button variant="default" onClick={onOpenImages}>
              Open in Segment
            </Button>
          )}
          <Button type="submit" disabled={Object.keys(errors).length > 0}>
            Import {plural(importedCases(form, proposal), 'case')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function summaryText(proposal: PairsProposal): string {
  const { caseIds, unlabelled, fileEnding } = proposal;
  if (!hasNoLabelMaps(proposal)) {
    return `${plural(caseIds.length, 'image')} with a label map of the same name (${fileEnding}). There is no dataset.json with them, so say what they are.`;
  }
  const names = unlabelled.slice(0, 3).join(', ') + (unlabelled.length > 3 ? ', …' : '');
  return `${plural(unlabelled.length, 'image')} (${names}; ${fileEnding}) without label maps. As a dataset they can be looked at and labelled; nnU-Net trains on it once every case has a label map, which you can drop later. To let a model segment them, open them in Segment instead.`;
}

function Unpaired({ paths }: { paths: readonly string[] }) {
  return (
    <Alert color="gray" variant="light" title={`${plural(paths.length, 'file')} without a partner`}>
      <Text size="xs" style={{ overflowWrap: 'anywhere' }}>
        Left out: {paths.slice(0, 5).join(', ')}
        {paths.length > 5 && ` and ${formatCount(paths.length - 5)} more`}. Image and label map of a case have
        the same name and ending.
      </Text>
    </Alert>
  );
}

interface ChannelsProps {
  readonly form: PairsForm;
  readonly error: string | undefined;
  readonly onChange: (channels: readonly string[]) => void;
}

function Channels({ form, error, onChange }: ChannelsProps) {
  return (
    <fieldset className={styles.fieldset}>
      <legend>Channels</legend>
      <Text size="xs" c="dimmed" mb={6}>
        What each image shows. A channel named CT is normalised as CT (Hounsfield units are kept), every other
        by its own mean and deviation.
      </Text>
      <Stack gap={6}>
        {form.channels.map((channel, i) => (
          <TextInput
            // biome-ignore lint/suspicious/noArrayIndexKey: a channel is its place
            key={i}
            size="xs"
            aria-label={`Name of channel ${i}`}
            leftSection={<Text size="xs">{i}</Text>}
            value={channel}
            placeholder="MRI, T1, CT, …"
            onChange={({ currentTarget }) => onChange(form.channels.with(i, currentTarget.value))}
          />
        ))}
      </Stack>
      {error && <ErrorLine text={error} />}
    </fieldset>
  );
}

interface LabelsProps {
  readonly form: PairsForm;
  readonly proposal: PairsProposal;
  readonly error: string | undefined;
  readonly onChange: (labels: readonly string[]) => void;
}

function Labels({ form, proposal, error, onChange }: LabelsProps) {
  const isOpen = hasNoLabelMaps(proposal);
  return (
    <fieldset className={styles.fieldset}>
      <legend>Labels</legend>
      <Text size="xs" c="dimmed" mb={6}>
        {isOpen
          ? 'What is to be labelled, if you know it already. Other labels can be named with the label maps.'
          : 'The values found in the label maps.'}
      </Text>
      <ScrollTable name="Labels" minWidth={280} maxHeight={320}>
        <Table verticalSpacing={4} fz="xs" withRowBorders={false} stickyHeader aria-label="Labels">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Value</Table.Th>
              <Table.Th>Name</Table.Th>
              {!isOpen && <Table.Th className="number">In cases</Table.Th>}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {labelValues(form, proposal).map((value, i) => (
              <Table.Tr key={value}>
                <Table.Td>
                  {value > 0 && <i className={styles.swatch} style={{ background: labelColor(value, {}) }} />}
                  {value}
                </Table.Td>
                <Table.Td>
                  {value === 0 ? (
                    'background'
                  ) : (
                    <TextInput
                      size="xs"
                      aria-label={`Name of label ${value}`}
                      value={form.labels[i]}
                      onChange={({ currentTarget }) => onChange(form.labels.with(i, currentTarget.value))}
                    />
                  )}
                </Table.Td>
                {!isOpen && <Table.Td className="number">{formatCount(proposal.values[i].cases)}</Table.Td>}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollTable>
      {isOpen && (
        <Button
          mt={6}
          size="compact-xs"
          variant="default"
          onClick={() => onChange([...form.labels, `label ${form.labels.length}`])}
        >
          Add a label
        </Button>
      )}
      {isOpen && form.labels.length > 1 && (
        <Button
          mt={6}
          ml={6}
          size="compact-xs"
          variant="subtle"
          onClick={() => onChange(form.labels.slice(0, -1))}
        >
          Remove the last
        </Button>
      )}
      {error && <ErrorLine text={error} />}
    </fieldset>
  );
}
