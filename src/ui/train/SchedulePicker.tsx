import { Group, NumberInput, Radio, Stack } from '@mantine/core';
import {
  type SchedulePreset,
  type StepSeconds,
  scheduleOf,
  scheduleSeconds,
} from '@/app/train/schedulePresets';
import type { TrainingSchedule } from '@/core/planning/trainingSchedule';
import type { Trainer } from '@/core/training/trainers';
import { formatLongTime } from '../components/planFormats';
import { formatCount } from '../formats';
import styles from './form.module.css';
import type { FormChoice } from './newTraining';

interface SchedulePickerProps {
  readonly choice: FormChoice;
  readonly presets: readonly SchedulePreset[];
  /** `undefined` where nothing can be said of the time. */
  readonly step: StepSeconds | undefined;
  readonly trainer: Trainer;
  readonly onChange: (part: Partial<FormChoice>) => void;
}

/** How long to train: presets with the time they take here, or own numbers. */
export function SchedulePicker({ choice, presets, step, trainer, onChange }: SchedulePickerProps) {
  const own = scheduleOf(choice.epochs, choice.iterations);
  if (trainer.isBenchmark) return null;
  return (
    <Radio.Group
      label="How long"
      description={
        step && step.training > 0
          ? undefined
          : 'Once this GPU is measured, below, the first three fit ten minutes, three hours and ten hours.'
      }
      value={choice.preset}
      onChange={(value) => onChange({ preset: presets.find(({ id }) => id === value)?.id ?? 'own' })}
    >
      <Stack gap={4} mt={6}>
        {presets.map(({ id, name, sentence, schedule }) => (
          <Radio
            key={id}
            value={id}
            description={sentence}
            label={
              <ScheduleLabel name={name} schedule={id === 'full' ? trainer.schedule : schedule} step={step} />
            }
          />
        ))}
        <Radio value="own" label={<ScheduleLabel name="Custom" schedule={own} step={step} />} />
      </Stack>
      {choice.preset === 'own' && (
        <Group grow mt={8} align="flex-start">
          <NumberInput
            label="Epochs"
            min={1}
            max={100_000}
            allowDecimal={false}
            value={choice.epochs}
            onChange={(value) => onChange({ epochs: Math.max(1, Number(value) || 1) })}
          />
          <NumberInput
            label="Iterations per epoch"
            description="nnU-Net takes 250, and a fifth of them to validate"
            inputWrapperOrder={['label', 'input', 'description', 'error']}
            min={1}
            max={10_000}
            allowDecimal={false}
            value={choice.iterations}
            onChange={(value) => onChange({ iterations: Math.max(1, Number(value) || 1) })}
          />
        </Group>
      )}
    </Radio.Group>
  );
}

interface ScheduleLabelProps {
  readonly name: string;
  readonly schedule: TrainingSchedule;
  readonly step: StepSeconds | undefined;
}

function ScheduleLabel({ name, schedule, step }: ScheduleLabelProps) {
  const seconds = step ? scheduleSeconds(schedule, step) : Number.NaN;
  return (
    <span className={styles.schedule}>
      <b>{name}</b>
      <span>
        {formatCount(schedule.epochs)} epochs × {formatCount(schedule.iterationsPerEpoch)}
      </span>
      <span className={styles.time}>{seconds > 0 ? `about ${formatLongTime(seconds)}` : ''}</span>
    </span>
  );
}
