import { Button, Stack, Text, Title } from '@mantine/core';
import { IconRulerMeasure } from '@tabler/icons-react';
import { goTo } from '../route';
import styles from './plan.module.css';

/** Plans of the datasets. `item` is a dataset's name. The default export is what `lazy` asks for. */
export default function PlanPlace({ item }: { item: string | undefined }) {
  return (
    <div className={styles.place}>
      <Title order={1} fz={22} mb="md">
        Plan
      </Title>
      <Stack align="center" gap="xs" py={60} c="dimmed">
        <IconRulerMeasure size={44} stroke={1.2} aria-hidden />
        <Text maw={460} ta="center">
          nnU-Net plans patch, batch and network from a dataset's fingerprint.
        </Text>
        <Button variant="light" mt="xs" onClick={() => goTo('data', item)}>
          Choose a dataset under Data
        </Button>
      </Stack>
    </div>
  );
}
