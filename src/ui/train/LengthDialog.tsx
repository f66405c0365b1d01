import { Button, Group, Modal, NumberInput, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { scheduleOf } from '@/app/train/schedulePresets';
import type { TrainingRecord } from '@/app/train/trainingRecord';
import { trainerNamed } from '@/core/training/trainers';
import { formatCount } from '../formats';
import { useStudio } from '../useStudio';

/** Trains a run for more epochs, or for no more than it has done. */
export function LengthDialog({ run, onClose }: { run: TrainingRecord; onClose: () => void }) {
  const { trainings } = useStudio();
  const before = run.order.schedule;
  const done = run.epochs.length;
  const [epochs, setEpochs] = useState(before.epochs);
  const [iterations, setIterations] = useState(before.iterationsPerEpoch);
  const schedule =
    iterations === before.iterationsPerEpoch ? { ...before, epochs } : scheduleOf(epochs, iterations);
  const isSame = epochs === before.epochs && iterations === before.iterationsPerEpoch;
  const start = () => {
    onClose();
    void trainings.changeSchedule(run.id, schedule);
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title="Change the length of this training"
      centered
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Stack gap="md">
        <Text size="sm">
          {formatCount(done)} of {formatCount(before.epochs)} epochs are done. Training resumes from the
          newest checkpoint; what is trained stays.
        </Text>
        <Group grow align="flex-start">
          <NumberInput
            label="Epochs in all"
            data-autofocus
            min={Math.max(1, done)}
            max={100_000}
            allowDecimal={false}
            clampBehavior="blur"
            value={epochs}
            onChange={(value) => setEpochs(Number(value) || 0)}
          />
          <NumberInput
            label="Iterations per epoch"
            min={1}
            max={10_000}
            allowDecimal={false}
            clampBehavior="blur"
            value={iterations}
            onChange={(value) => setIterations(Number(value) || 0)}
          />
        </Group>
        <Text size="sm" c="dimmed">
          {noteOf(run, epochs)}
        </Text>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button disabled={isSame || epochs < Math.max(1, done) || iterations < 1} onClick={start}>
            {epochs > done ? 'Resume training' : 'Finish and validate'}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

/** What comes of it. */
function noteOf({ order, epochs: { length: done }, modelId }: TrainingRecord, epochs: number): string {
  if (epochs < done) return `It has ${formatCount(done)} epochs already.`;
  if (epochs === done) return 'No further epoch is trained; the weights as they are become its model.';
  const { learningRate, initialLearningRate } = trainerNamed(order.trainerName);
  const rate = Number(learningRate(initialLearningRate, done, epochs).toPrecision(3));
  const model = modelId === undefined ? '' : ' The model of the shorter training stays in the library.';
  return `The learning rate follows the new length: ${rate} in epoch ${formatCount(done)}. Folds of different lengths make separate models.${model}`;
}
