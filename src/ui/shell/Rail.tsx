import { useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import {
  IconBox,
  IconChartLine,
  IconCpu,
  IconDatabase,
  IconHelp,
  IconLayersSelectedBottom,
  IconMoon,
  IconRulerMeasure,
  IconSun,
  type TablerIcon,
} from '@tabler/icons-react';
import type { Place } from '../placeNames';
import { addressOf } from '../route';
import { Brand } from './Brand';
import styles from './shell.module.css';

const WORK_PLACES: readonly { place: Place; label: string; icon: TablerIcon }[] = [
  { place: 'segment', label: 'Segment', icon: IconLayersSelectedBottom },
  { place: 'data', label: 'Data', icon: IconDatabase },
  { place: 'plan', label: 'Plan', icon: IconRulerMeasure },
  { place: 'train', label: 'Train', icon: IconChartLine },
  { place: 'models', label: 'Models', icon: IconBox },
];

/** Places that stand under another one's name. */
const PART_OF: Partial<Record<Place, Place>> = { evaluate: 'models', choose: 'models' };

/** The places in the order of the work; this computer, the theme and help at the foot. */
export function Rail({ place, onHelp }: { place: Place; onHelp: () => void }) {
  return (
    <nav className={styles.rail} aria-label="Places">
      <div className={styles.brand}>
        <Brand />
      </div>
      {WORK_PLACES.map((one) => (
        <RailLink key={one.place} {...one} isHere={one.place === (PART_OF[place] ?? place)} />
      ))}
      <div className={styles.spring} />
      <RailLink place="system" label="System" icon={IconCpu} isHere={place === 'system'} />
      <ThemeButton />
      <button type="button" className={styles.item} onClick={onHelp}>
        <IconHelp size={21} stroke={1.6} aria-hidden />
        Help
      </button>
    </nav>
  );
}

function RailLink(props: { place: Place; label: string; icon: TablerIcon; isHere: boolean }) {
  const { place, label, icon: Icon, isHere } = props;
  return (
    <a className={styles.item} href={addressOf(place)} aria-current={isHere ? 'page' : undefined}>
      <Icon size={21} stroke={1.6} aria-hidden />
      {label}
    </a>
  );
}

function ThemeButton() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('dark');
  const other = scheme === 'dark' ? 'light' : 'dark';
  const Icon = other === 'light' ? IconSun : IconMoon;
  return (
    <button
      type="button"
      className={styles.item}
      onClick={() => setColorScheme(other)}
      aria-label={`Switch to the ${other} theme`}
    >
      <Icon size={21} stroke={1.6} aria-hidden />
      {other === 'light' ? 'Light' : 'Dark'}
    </button>
  );
}
