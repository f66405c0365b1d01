import { Alert, Button, CopyButton, Group, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useSelection, useStudio } from '../useStudio';

/** Files that could not be used, until dismissed. */
export function Problems() {
  const { selection } = useStudio();
  const problems = useSelection((state) => state.problems);
  const dismiss = (id: string) =>
    selection.setState((state) => ({ problems: state.problems.filter((one) => one.id !== id) }));
  return problems.map(({ id, path, name, message }) => (
    <ErrorNote
      key={id}
      title="Not taken"
      name={name}
      message={message}
      where={path}
      onDismiss={() => dismiss(id)}
    />
  ));
}

interface ErrorNoteProps {
  readonly title: string;
  readonly name: string;
  readonly message: string;
  /** File, case or model it is about. */
  readonly where: string;
  readonly onDismiss?: () => void;
}

/** An error where it happened: in words, with a button that copies what a maintainer would ask for. */
export function ErrorNote({ title, name, message, where, onDismiss }: ErrorNoteProps) {
  const details = [`${name}: ${message}`, `About: ${where}`, `Browser: ${navigator.userAgent}`].join('\n');
  return (
    <Alert
      color="red"
      variant="light"
      radius={0}
      title={title}
      icon={<IconAlertTriangle aria-hidden />}
      role="alert"
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
