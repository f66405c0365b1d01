import { useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { IconHelp, IconMoon, IconSun } from '@tabler/icons-react';
import { type Place, railEntryOf, railPlaces } from '../placeNames';
import { PLACE_ICONS } from '../places';
import { addressOf } from '../route';
import { Brand } from './Brand';
import styles from './shell.module.css';

/** The places in the order of the work; this computer, the theme and help at the foot. */
export function Rail({ place, onHelp }: { place: Place; onHelp: () => void }) {
  return (
    <nav className={styles.rail} aria-label="Places">
      <div className={styles.brand}>
        <Brand />
      </div>
      <RailLinks at="work" place={place} />
      <div className={styles.spring} />
      <RailLinks at="foot" place={place} />
      <ThemeButton />
      <button type="button" className={styles.item} onClick={onHelp}>
        <IconHelp size={21} stroke={1.6} aria-hidden />
        Help
      </button>
    </nav>
  );
}

function RailLinks({ at, place }: { at: 'work' | 'foot'; place: Place }) {
  return railPlaces(at).map(({ name, title }) => {
    const Icon = PLACE_ICONS[name];
    return (
      <a
        key={name}
        className={styles.item}
        href={addressOf(name)}
        aria-current={name === railEntryOf(place) ? 'page' : undefined}
      >
        <Icon size={21} stroke={1.6} aria-hidden />
        {title}
      </a>
    );
  });
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
