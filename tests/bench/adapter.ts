// What the figures were measured on.
import os from 'node:os';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { formatBytes } from '@/shared/numeric';

export async function run(): Promise<void> {
  const gpu = await openNodeGpu();
  const { description, isSoftware, hasF16, hasSubgroups, hasTimestamps } = gpu.facts;
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize } = gpu.limits;
  const features = Object.entries({
    'shader-f16': hasF16,
    subgroups: hasSubgroups,
    timestamps: hasTimestamps,
  });
  const present = features.flatMap(([name, isPresent]) => (isPresent ? [name] : []));
  console.log(
    `Adapter: ${description}${isSoftware ? ' (software)' : ''}; ${present.join(', ') || 'no optional features'}`,
  );
  console.log(
    `Limits: buffer ${formatBytes(maxBufferSize)}, binding ${formatBytes(maxStorageBufferBindingSize)}, workgroup memory ${formatBytes(maxComputeWorkgroupStorageSize)}`,
  );
  console.log(
    `Processor: ${os.cpus()[0]?.model ?? 'unknown'}, ${os.availableParallelism()} threads; Node ${process.version}`,
  );
  gpu.close();
}
