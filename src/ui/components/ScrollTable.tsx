import { Table } from '@mantine/core';
import type { ReactNode } from 'react';

interface ScrollTableProps {
  /** Of the table within, as its `aria-label`. */
  readonly name: string;
  /** Pixels below which the table scrolls sideways. */
  readonly minWidth: number;
  /** Pixels above which it scrolls up and down. */
  readonly maxHeight?: number;
  readonly children: ReactNode;
}

/** Room in which a table scrolls when it is wider than the page; the arrow keys scroll it too. */
export function ScrollTable({ name, minWidth, maxHeight, children }: ScrollTableProps) {
  return (
    <Table.ScrollContainer
      minWidth={minWidth}
      {...(maxHeight !== undefined && { maxHeight })}
      scrollAreaProps={{
        viewportProps: { tabIndex: 0, role: 'group', 'aria-label': `${name}, scrollable` },
      }}
    >
      {children}
    </Table.ScrollContainer>
  );
}
