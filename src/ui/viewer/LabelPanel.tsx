import { Button } from '@mantine/core';
import { IconListDetails } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import { useStore } from 'zustand';
import styles from '../labels/labels.module.css';
import { LabelTable } from './LabelTable';
import { labelCenters } from './labelJump';
import type { ViewedLabel } from './viewedLabel';

/** Narrower windows leave the room to the image until the list is asked for. */
const WIDE_PX = 900;

/** Whether the list beside an image is shown, and the button that says so. */
export function useLabelPanel(): { readonly isOpen: boolean; readonly toggle: ReactNode } {
  const [isOpen, setIsOpen] = useState(() => innerWidth >= WIDE_PX);
  const toggle = (
    <Button
      size="xs"
      variant={isOpen ? 'light' : 'default'}
      leftSection={<IconListDetails size={15} aria-hidden />}
      aria-pressed={isOpen}
      onClick={() => setIsOpen(!isOpen)}
    >
      Labels
    </Button>
  );
  return { isOpen, toggle };
}

interface WithLabelPanelProps {
  readonly isOpen: boolean;
  /** What the panel lists. */
  readonly panel: ReactNode;
  /** The image. */
  readonly children: ReactNode;
}

/** An image with the list of its labels beside it, or below it where the window is narrow. */
export function WithLabelPanel({ isOpen, panel, children }: WithLabelPanelProps) {
  return (
    <div className={styles.beside}>
      <div className={styles.image}>{children}</div>
      {isOpen && (
        <aside className={styles.panel} aria-label="Labels">
          {panel}
        </aside>
      )}
    </div>
  );
}

/** Labels of the shown map: those that occur in it can be gone to. */
export function ShownLabels({ labels }: { labels: readonly ViewedLabel[] }) {
  const centers = useStore(labelCenters, (state) => state.centers);
  return (
    <LabelTable
      labels={labels.map(({ value, name }) => ({ value, name, isThere: centers[value] !== undefined }))}
    />
  );
}
