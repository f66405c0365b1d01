import { Alert, Button, CopyButton, Group, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useSelection, useStudio } from '../useStudio';

/** Files that could not be used, until dismissed. */
export function Problems() {
  const { selection } = useStudio();
  const problems = useSelection((state) => state.problems);
  const dismiss = (id: string) =>
    selection.setState((state) => ({ problems: state.problems.filter((one) => one.id !== id) }));
  return problems.map(({ id, path, name, message, isNote }) => (
    <ErrorNote
      key={id}
      title={isNote ? 'Please note' : 'Not imported'}
      isNote={isNote ?? false}
      name={name}
      message={message}
      where={path}
      onDismiss={() => dismiss(id)}
    />
  ));
}

interface ErrorNoteProps {
  readonly title: string;
  /** Nothing went wrong. */
  readonly isNote?: boolean;
  readonly name: string;
  readonly message: string;
  /** File, case or model it is about. */
  readonly where: string;
  readonly onDismiss?: () => void;
}

/** An error where it happened: in words, with a button that copies what a maintainer would ask for. */
export function ErrorNote({ title, isNote = false, name, message, where, onDismiss }: ErrorNoteProps) {
  const details = [`${name}: ${message}`, `About: ${where}`, `Browser: ${navigator.userAgent}`].join('\n');
  return (
    <Alert
      color={isNote ? 'yellow' : 'red'}
      variant="light"
      radius={0}
      title={title}
      icon={<IconAlertTriangle aria-hidden />}
      role={isNote ? 'status' : 'alert'}
      withCloseButton={onDismiss !== undefined}
      closeButtonLabel="Dismiss"
      {...(onDismiss && { onClose: onDismiss })}
    >
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        {message}
      </Text>
      <Group mt={6} gap="xs">
        <CopyButton value={details}>
          {({ copied, copy }) => (
            <Button size="compact-xs" variant="default" onClick={copy}>
              {copied ? 'Copied' : 'Copy details'}
            </Button>
          )}
        </CopyButton>
      </Group>
    </Alert>
  );
}
