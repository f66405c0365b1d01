import { Text } from '@mantine/core';

/** What is wrong with a part of a form. */
export function ErrorLine({ text }: { text: string }) {
  return (
    <Text size="xs" c="var(--studio-bad)" mt={4} role="alert">
      {text}
    </Text>
  );
}
