import { TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { MANY_LABELS } from './labelFilter';

interface LabelSearchProps {
  /** Of all labels; few need no search. */
  readonly count: number;
  readonly text: string;
  readonly onText: (text: string) => void;
  /** Of the list, where a page has several. */
  readonly name?: string;
}

/** Finds labels by name or value; nothing where they are seen at once. */
export function LabelSearch({ count, text, onText, name = 'Search labels' }: LabelSearchProps) {
  if (count <= MANY_LABELS) return null;
  return (
    <TextInput
      size="xs"
      leftSection={<IconSearch size={14} aria-hidden />}
      placeholder={`Search ${count} labels`}
      aria-label={name}
      value={text}
      onChange={({ currentTarget }) => onText(currentTarget.value)}
    />
  );
}
