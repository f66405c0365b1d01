import { Stack, Text, Title } from '@mantine/core';
import { IconDatabase } from '@tabler/icons-react';
import styles from './data.module.css';

/** Datasets kept in this browser. The default export is what `lazy` asks for. */
export default function DataPlace() {
  return (
    <div className={styles.place}>
      <Title order={1} fz={22} mb="md">
        Data
      </Title>
      <Stack align="center" gap="xs" py={60} c="dimmed">
        <IconDatabase size={44} stroke={1.2} aria-hidden />
        <Text maw={460} ta="center">
          A dataset is a folder of images and label maps with a dataset.json.
        </Text>
      </Stack>
    </div>
  );
}
