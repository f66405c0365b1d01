import { Group, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import styles from '../models/models.module.css';
import { type Place, placesUnder } from '../placeNames';
import { addressOf } from '../route';

/** Parts of the place, each with an address of its own. */
const SECTIONS = placesUnder('models');

/** Name of the part that is shown, the way to the others, and what can be done in it. */
export function ModelsHead({ section, children }: { section: Place; children?: ReactNode }) {
  return (
    <header className={styles.head}>
      <Title order={1} fz={22}>
        {SECTIONS.find((one) => one.name === section)?.title}
      </Title>
      <nav className={styles.sections} aria-label="Parts of this place">
        {SECTIONS.map((one) => (
          <a
            key={one.name}
            href={addressOf(one.name)}
            aria-current={one.name === section ? 'page' : undefined}
          >
            {one.title}
          </a>
        ))}
      </nav>
      <Group gap="xs" className={styles.headActions}>
        {children}
      </Group>
    </header>
  );
}
