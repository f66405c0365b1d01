import { Group, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import styles from '../models/models.module.css';
import { addressOf } from '../route';

/** Parts of the place, each with an address of its own. */
const SECTIONS = [
  { section: 'models', title: 'Models' },
  { section: 'evaluate', title: 'Evaluate' },
  { section: 'choose', title: 'Best configuration' },
] as const;

export type ModelsSection = (typeof SECTIONS)[number]['section'];

/** Name of the part that is shown, the way to the others, and what can be done in it. */
export function ModelsHead({ section, children }: { section: ModelsSection; children?: ReactNode }) {
  return (
    <header className={styles.head}>
      <Title order={1} fz={22}>
        {SECTIONS.find((one) => one.section === section)?.title}
      </Title>
      <nav className={styles.sections} aria-label="Parts of this place">
        {SECTIONS.map((one) => (
          <a
            key={one.section}
            href={addressOf(one.section)}
            aria-current={one.section === section ? 'page' : undefined}
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
