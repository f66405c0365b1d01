import { ActionIcon, TextInput } from '@mantine/core';
import { IconPencil } from '@tabler/icons-react';
import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from 'react';
import { type NameRules, nameProblem } from '@/app/names';
import { messageOf } from '@/shared/errors';

interface EditableNameProps {
  readonly name: string;
  readonly rules: NameRules;
  readonly onRename: (name: string) => Promise<void>;
  /** The name as it is read. */
  readonly children: ReactNode;
}

/** A name with a pencil beside it; changed in place, kept by Enter or on leaving it, left as it was by Esc. */
export function EditableName({ name, rules, onRename, children }: EditableNameProps) {
  const [isEditing, setIsEditing] = useState(false);
  const pencil = useRef<HTMLButtonElement>(null);
  const wasEditing = useRef(false);
  useEffect(() => {
    if (wasEditing.current && !isEditing) pencil.current?.focus();
    wasEditing.current = isEditing;
  }, [isEditing]);
  if (isEditing) {
    return <NameField name={name} rules={rules} onRename={onRename} onDone={() => setIsEditing(false)} />;
  }
  return (
    <span style={{ display: 'flex', alignItems: 'center', gap: 4, minWidth: 0 }}>
      {children}
      <ActionIcon
        ref={pencil}
        size="sm"
        variant="subtle"
        color="gray"
        title="Rename"
        aria-label={`Rename ${name}`}
        onClick={() => setIsEditing(true)}
      >
        <IconPencil size={15} aria-hidden />
      </ActionIcon>
    </span>
  );
}

interface NameFieldProps extends Omit<EditableNameProps, 'children'> {
  readonly onDone: () => void;
}

function NameField({ name, rules, onRename, onDone }: NameFieldProps) {
  const [text, setText] = useState(name);
  const [error, setError] = useState<string>();
  const isOver = useRef(false);
  const keep = async (): Promise<void> => {
    const problem = nameProblem(text, rules);
    setError(problem);
    if (problem || isOver.current) return;
    isOver.current = true;
    try {
      if (text.trim() !== name) await onRename(text.trim());
      onDone();
    } catch (thrown) {
      isOver.current = false;
      setError(messageOf(thrown));
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation(); // letters are no shortcuts here
    if (event.key === 'Enter') void keep();
    if (event.key === 'Escape') {
      isOver.current = true;
      onDone();
    }
  };
  return (
    <TextInput
      size="xs"
      flex={1}
      miw={0}
      aria-label={`New name of ${name}`}
      value={text}
      error={error}
      autoFocus
      onFocus={({ currentTarget }) => currentTarget.select()}
      onChange={({ currentTarget }) => setText(currentTarget.value)}
      onKeyDown={onKeyDown}
      onBlur={() => void keep()}
    />
  );
}
