import {
  Alert,
  Button,
  Group,
  Modal,
  MultiSelect,
  Select,
  SimpleGrid,
  Stack,
  Switch,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useState } from 'react';
import { addGivenFiles } from '@/app/files/addFiles';
import type { UndescribedNetwork } from '@/app/selectionStore';
import { pythonJson } from '@/core/interop/pythonJson';
import { NORMALIZATION_SCHEMES, normalizationNamed } from '@/core/preprocessing/normalization/schemes';
import { saveFile } from '../files/saveFile';
import { goTo } from '../route';
import { useSelection, useStudio } from '../useStudio';
import {
  axesOfLayout,
  describedBy,
  INTENSITIES,
  type Intensity,
  type NetworkForm,
  networkFormError,
  startNetworkForm,
  withLayout,
  xyzOfLayout,
} from './networkForm';

const SCHEMES = NORMALIZATION_SCHEMES.map(({ name, help }) => ({ value: name, label: help }));

const ACTIVATIONS = [
  { value: 'none', label: 'Logits' },
  { value: 'softmax', label: 'Probabilities that sum to 1 (softmax)' },
  { value: 'sigmoid', label: 'A probability each (sigmoid)' },
] as const;

const LAYOUTS: Readonly<Record<number, readonly string[]>> = {
  2: ['NCYX', 'NYXC', 'NCXY', 'NXYC'],
  3: ['NCZYX', 'NZYXC', 'NCXYZ', 'NXYZC'],
};

const INTENSITY_NAMES: Readonly<Record<Intensity, string>> = {
  mean: 'Mean',
  std: 'Standard deviation',
  percentile_00_5: '0.5 % percentile',
  percentile_99_5: '99.5 % percentile',
};

/** The form for an ONNX file that does not say what it takes and gives; nothing where there is none. */
export default function NetworkDialog() {
  const undescribed = useSelection((state) => state.undescribed);
  return undescribed ? <NetworkFormDialog key={undescribed.file.path} {...undescribed} /> : null;
}

function NetworkFormDialog({ file, facts }: UndescribedNetwork) {
  const studio = useStudio();
  const [form, setForm] = useState(() => startNetworkForm(file.path, facts));
  const set = (change: Partial<NetworkForm>) => setForm((before) => ({ ...before, ...change }));
  const text = (key: 'name' | 'channels' | 'patch' | 'spacing' | 'labels') => ({
    value: form[key],
    onChange: ({ currentTarget }: { currentTarget: { value: string } }) =>
      set({ [key]: currentTarget.value }),
  });
  const close = () => studio.selection.setState({ undescribed: undefined });
  const error = facts.dimensions
    ? networkFormError(form, facts)
    : 'Its input is no batch of 2D or 3D images with channels.';
  const json = () => ({
    path: file.path.replace(/\.onnx$/i, '.json'),
    content: new Blob([pythonJson(describedBy(form))], { type: 'application/json' }),
  });
  const submit = async () => {
    close();
    const { models } = await addGivenFiles(studio, [file, json()]);
    if (models.length > 0) goTo('models');
  };
  const axes = axesOfLayout(form.layout);
  const order = xyzOfLayout(form.layout).join(' × ');
  return (
    <Modal opened onClose={close} title="Network inputs and outputs" size="lg">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!error) void submit();
        }}
      >
        <Stack gap="sm">
          <Text size="sm" c="dimmed">
            {file.path} is an ONNX network that does not say so itself. What you enter here can be saved as a
            JSON; beside the file it answers these questions the next time.
          </Text>
          <TextInput label="Name" data-autofocus {...text('name')} />
          <TextInput
            label="Channels"
            description="Of the image, in the network's order, with commas between"
            {...text('channels')}
          />
          <Textarea
            label="Labels"
            description="One for each channel of the output, background first, with commas between"
            autosize
            minRows={1}
            maxRows={6}
            {...text('labels')}
          />
          <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
            <Select
              label="Axes of the input"
              description="N: batch, C: channels, as the file has them"
              data={LAYOUTS[facts.dimensions ?? 3]}
              value={form.layout}
              allowDeselect={false}
              onChange={(layout) => layout && setForm((before) => withLayout(before, layout))}
            />
            <Select
              label="Its output is"
              description="What the last operator makes of it"
              data={ACTIVATIONS}
              value={form.activation}
              allowDeselect={false}
              onChange={(activation) => activation && set({ activation })}
            />
            <TextInput
              label="Patch, voxels"
              description={`What it takes at once, ${order}`}
              {...text('patch')}
            />
            <TextInput
              label="Voxel size, mm"
              description={`${order}; empty: images as they are`}
              placeholder="as the image has it"
              {...text('spacing')}
            />
          </SimpleGrid>
          <Select
            label="Intensities"
            data={SCHEMES}
            value={form.scheme}
            allowDeselect={false}
            onChange={(scheme) => scheme && set({ scheme })}
          />
          {normalizationNamed(form.scheme).needsIntensities && (
            <SimpleGrid cols={{ base: 2, sm: 4 }} spacing="xs">
              {INTENSITIES.map((key) => (
                <TextInput
                  key={key}
                  label={INTENSITY_NAMES[key]}
                  inputMode="decimal"
                  value={form.intensities[key]}
                  onChange={({ currentTarget: { value } }) =>
                    set({ intensities: { ...form.intensities, [key]: value } })
                  }
                />
              ))}
            </SimpleGrid>
          )}
          <MultiSelect
            label="Mirroring"
            description="Axes along which a mirrored image is as likely: averaged over all of them"
            placeholder={form.mirrorAxes.length > 0 ? '' : 'none'}
            data={axes.map((axis, i) => ({ value: String(i), label: axis }))}
            value={[...form.mirrorAxes]}
            onChange={(mirrorAxes) => set({ mirrorAxes })}
          />
          <Switch
            label="Crop to the non-zero region first, as nnU-Net does"
            checked={form.cropsToNonzero}
            onChange={({ currentTarget: { checked } }) => set({ cropsToNonzero: checked })}
          />
          {error && (
            <Alert color="yellow" variant="light" p="xs" role="status">
              <Text size="xs">{error}</Text>
            </Alert>
          )}
        </Stack>
        <Group justify="flex-end" gap="xs" mt="lg">
          <Button
            variant="subtle"
            disabled={error !== undefined}
            onClick={() => {
              const { path, content } = json();
              saveFile({ name: path.slice(path.lastIndexOf('/') + 1), content });
            }}
          >
            Save as JSON
          </Button>
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" disabled={error !== undefined}>
            Add the network
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
