import { ColorPicker, Popover } from '@mantine/core';
import { preferences } from '@/app/preferencesStore';
import { SWATCHES } from '../labelColors';
import styles from './labels.module.css';

/** A label's colour, and another one at a click. */
export function ColorChoice({ value, name, color }: { value: number; name: string; color: string }) {
  const choose = (chosen: string) =>
    preferences.setState(({ labelColors }) => ({ labelColors: { ...labelColors, [value]: chosen } }));
  return (
    <Popover position="left" withArrow shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <button
          type="button"
          className={styles.colorButton}
          style={{ background: color }}
          aria-label={`Colour of ${name}`}
        />
      </Popover.Target>
      <Popover.Dropdown>
        <ColorPicker
          format="hex"
          value={color}
          onChange={choose}
          swatches={[...SWATCHES]}
          swatchesPerRow={8}
        />
      </Popover.Dropdown>
    </Popover>
  );
}
