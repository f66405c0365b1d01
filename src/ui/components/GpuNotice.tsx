import { Alert, List, Text } from '@mantine/core';
import { IconCpuOff } from '@tabler/icons-react';
import { useSystem } from '../useStudio';

/** Where WebGPU is missing: what has it, and what still works here, until the processor was chosen. Nothing otherwise. */
export function GpuNotice() {
  const gpu = useSystem((state) => state.gpu);
  const usesProcessor = useSystem((state) => state.usesProcessor);
  if (gpu.status !== 'missing' || usesProcessor) return null;
  return (
    <Alert
      color="yellow"
      variant="light"
      icon={<IconCpuOff aria-hidden />}
      title="This browser gives no access to a GPU"
      radius={0}
      role="alert"
      maw={680}
    >
      <Text size="sm">
        Training runs on WebGPU, which was not found here. Segmenting can run on the processor instead: the
        result is the same, and it takes far longer. Open an image and choose it beside the model.
      </Text>
      <List size="sm" mt={6} spacing={3}>
        <List.Item>Chrome or Edge 113 and later, on Linux 144 and later: nothing to switch on.</List.Item>
        <List.Item>Safari 26 and later, on macOS, iOS and iPadOS.</List.Item>
        <List.Item>Firefox 141 and later on Windows, 145 and later on Macs with Apple silicon.</List.Item>
        <List.Item>
          Older Chrome on Linux: switch on <code>chrome://flags/#enable-unsafe-webgpu</code> and{' '}
          <code>#enable-vulkan</code>; elsewhere check that hardware acceleration is on in the settings.
        </List.Item>
      </List>
      <Text size="xs" mt={6} c="dimmed">
        {gpu.reason}
      </Text>
    </Alert>
  );
}
