import { Button, Group, Text } from '@mantine/core';
import { useState } from 'react';
import type { ConfigurationCost } from '@/app/plan/plansCost';
import { messageOf } from '@/shared/errors';
import { useStudio } from '../useStudio';
import { formatFlops } from './planFormats';
import { useGpuReport, useThroughput } from './usePlans';

/** Says which of the costs are counted, which measured, and what is assumed; and measures. */
export function CostNote({ costs }: { costs: ReadonlyMap<string, ConfigurationCost> }) {
  const { planning } = useStudio();
  const throughput = useThroughput();
  const gpu = useGpuReport();
  const [state, setState] = useState<{ readonly isMeasuring?: boolean; readonly error?: string }>({});
  const areAssumed = [...costs.values()].some((cost) => cost.status === 'known' && cost.channels.areAssumed);

  const measure = async () => {
    setState({ isMeasuring: true });
    try {
      await planning.measureThroughput();
      setState({});
    } catch (error) {
      setState({ error: messageOf(error) });
    }
  };

  return (
    <Group gap="xs" mt={8} mb="lg" align="center">
      <Text size="xs" c="dimmed" maw={820}>
        {throughput
          ? `Times follow from ${formatFlops(throughput.flopsPerSecond)}/s, measured on this GPU on ${new Date(throughput.measuredAt).toLocaleDateString()} with a forward pass; the backward pass is assumed to run as fast. `
          : 'Times need the speed of this GPU, which has not been measured yet. '}
        Parameters, memory and arithmetic are those of the planned training step: counted, not estimated.
        {gpu?.facts.isSoftware && ' This GPU is emulated on the CPU; a real one is far faster.'}
        {areAssumed && ' Plans hold no labels: two classes are assumed.'}
      </Text>
      {gpu && (
        <Button
          size="compact-xs"
          variant={throughput ? 'subtle' : 'light'}
          loading={state.isMeasuring === true}
          onClick={() => void measure()}
        >
          {throughput ? 'Measure again' : 'Measure this GPU'}
        </Button>
      )}
      {state.error && (
        <Text size="xs" c="red" role="alert">
          {state.error}
        </Text>
      )}
    </Group>
  );
}
