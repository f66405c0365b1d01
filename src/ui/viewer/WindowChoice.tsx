import { Button, Group, NumberInput, Popover, Text, VisuallyHidden } from '@mantine/core';
import { IconCheck, IconContrast } from '@tabler/icons-react';
import { useId, useState } from 'react';
import { CT_WINDOWS, levelAndWidth, windowOf } from '@/app/files/ctWindow';
import type { IntensityWindow } from '@/workers/files/api';
import { useViewer } from './ViewerCanvas';
import { useSharedViewer } from './viewerContext';
import styles from './windowChoice.module.css';

interface WindowChoiceProps {
  /** `undefined` while nothing is shown. */
  readonly automatic: IntensityWindow | undefined;
  /** The window that the file names. */
  readonly named: IntensityWindow | undefined;
}

/** Level and width of the shown intensities; a click opens fields for both and the usual windows. */
export function WindowChoice({ automatic, named }: WindowChoiceProps) {
  const viewer = useSharedViewer();
  const { window } = useViewer(viewer);
  const title = useId();
  const ofImage = useId();
  const ofCt = useId();
  const shown = window ?? { low: 0, high: 1 };
  const { level, width } = levelAndWidth(shown);
  const preset = (name: string, itsWindow: IntensityWindow) => (
    <Preset
      key={name}
      name={name}
      window={itsWindow}
      isShown={itsWindow.low === shown.low && itsWindow.high === shown.high}
      onChoose={() => viewer.setWindow(itsWindow)}
    />
  );
  return (
    <Popover position="bottom-start" shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconContrast size={15} aria-hidden />}
          title="Level and width of the shown intensities"
          disabled={!window}
        >
          {window ? `L ${round(level)} W ${round(width)}` : 'L – W –'}
        </Button>
      </Popover.Target>
      <Popover.Dropdown w={250} p={6} aria-labelledby={title}>
        <VisuallyHidden id={title}>Level and width</VisuallyHidden>
        <Group gap="xs" p={6} wrap="nowrap">
          <Field
            label="Level"
            value={level}
            onChange={(changed) => viewer.setWindow(windowOf({ level: changed, width }))}
          />
          <Field
            label="Width"
            min={0}
            value={width}
            onChange={(changed) => changed > 0 && viewer.setWindow(windowOf({ level, width: changed }))}
          />
        </Group>
        <Text id={ofImage} size="xs" c="dimmed" className={styles.title}>
          This image
        </Text>
        <ul className={styles.presets} aria-labelledby={ofImage}>
          {automatic && preset('Automatic', automatic)}
          {named && preset('As the file says', named)}
        </ul>
        <Text id={ofCt} size="xs" c="dimmed" className={styles.title}>
          CT, Hounsfield units
        </Text>
        <ul className={styles.presets} aria-labelledby={ofCt}>
          {CT_WINDOWS.map((one) => preset(one.name, windowOf(one)))}
        </ul>
      </Popover.Dropdown>
    </Popover>
  );
}

interface FieldProps {
  readonly label: string;
  readonly value: number;
  readonly min?: number;
  readonly onChange: (value: number) => void;
}

/** A number that counts as soon as it is one; what is typed stays as typed ("-", "0.") until the field is left. */
function Field({ label, value, min, onChange }: FieldProps) {
  const [typed, setTyped] = useState<string | number | bigint>();
  return (
    <NumberInput
      label={label}
      size="xs"
      {...(min !== undefined && { min })}
      value={typed ?? round(value)}
      onChange={(changed) => {
        setTyped(changed);
        if (changed !== '' && Number.isFinite(Number(changed))) onChange(Number(changed));
      }}
      onBlur={() => setTyped(undefined)}
    />
  );
}

interface PresetProps {
  readonly name: string;
  readonly window: IntensityWindow;
  readonly isShown: boolean;
  readonly onChoose: () => void;
}

function Preset({ name, window, isShown, onChoose }: PresetProps) {
  const { level, width } = levelAndWidth(window);
  return (
    <li>
      <button type="button" className={styles.preset} aria-pressed={isShown} onClick={onChoose}>
        <span className={styles.check}>{isShown && <IconCheck size={14} aria-hidden />}</span>
        <span className={styles.name}>{name}</span>
        <span className={styles.figures}>
          {round(level)} / {round(width)}
        </span>
      </button>
    </li>
  );
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
