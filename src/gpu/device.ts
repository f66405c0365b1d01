import { StudioError } from '@/shared/errors';
import { PipelineCache } from './pipelines';

/** What the adapter is and can do, as the System page and error messages show it. */
export interface AdapterFacts {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  readonly isSoftware: boolean;
  readonly hasF16: boolean;
  readonly hasSubgroups: boolean;
  /** Invocations per subgroup where the adapter always uses the same number, else undefined. */
  readonly subgroupSize: number | undefined;
  readonly hasTimestamps: boolean;
}

/** One device and what belongs to it. Each worker, and each command, opens one. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly limits: GPUSupportedLimits;
  readonly facts: AdapterFacts;
  readonly pipelines: PipelineCache;
  /** Bytes of storage buffers made by `allocate` and not yet destroyed, now and at most so far. */
  readonly memory: GpuMemory;
  /** Messages of errors that no scope caught: invalid shaders or bindings. Any entry is a defect of ours. */
  readonly errors: readonly string[];
  /** Resolves when the device is gone: a driver reset, sleep, or `close()` (then with reason `destroyed`). */
  readonly lost: Promise<GPUDeviceLostInfo>;
  close(): void;
}

/** Counted by `allocate`; `peakBytes` may be set back to `currentBytes` to measure a section. */
export interface GpuMemory {
  currentBytes: number;
  peakBytes: number;
}

const OPTIONAL_FEATURES = ['shader-f16', 'subgroups', 'timestamp-query'] as const;

/** Limits that tensors run into: the adapter's own value is requested, never a default assumed. */
const REQUESTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const;

/**
 * Opens the best adapter of `webgpu` (`navigator.gpu` in a browser, Dawn's in Node).
 * Throws `NoAdapter` with what to install or switch on where there is none.
 */
export async function openGpu(webgpu: GPU | undefined): Promise<Gpu> {
  const adapter = await webgpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new StudioError(
      'NoAdapter',
      'No WebGPU adapter was found on this machine.',
      'In a browser use a current Chrome, Edge, Safari or Firefox with hardware acceleration on; on Linux install a Vulkan driver (Debian: mesa-vulkan-drivers 23 or newer, from backports).',
    );
  }
  const device = await adapter.requestDevice({
    requiredFeatures: OPTIONAL_FEATURES.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(REQUESTED_LIMITS.map((name) => [name, adapter.limits[name]])),
  });
  return gpuOn(device, adapter.info);
}

/**
 * The engine on a device that somebody else opened, who also closes it. What the adapter can do and the device was not
 * opened with, f16 among it, is not used, and its limits are those of the engine.
 */
export function gpuOfDevice(device: GPUDevice): Gpu {
  return { ...gpuOn(device, device.adapterInfo), close: () => undefined };
}

function gpuOn(device: GPUDevice, info: GPUAdapterInfo): Gpu {
  const errors: string[] = [];
  device.addEventListener('uncapturederror', ({ error }) => errors.push(error.message));
  return {
    device,
    limits: device.limits,
    facts: describeAdapter(info, device.features),
    pipelines: new PipelineCache(device),
    memory: { currentBytes: 0, peakBytes: 0 },
    errors,
    lost: device.lost,
    close: () => device.destroy(),
  };
}

/** Of its features those that the device was opened with. */
function describeAdapter(info: GPUAdapterInfo, features: GPUSupportedFeatures): AdapterFacts {
  const { vendor, architecture, description, device, subgroupMinSize, subgroupMaxSize } = info;
  const hasSubgroups = features.has('subgroups');
  return {
    vendor,
    architecture,
    description:
      description || device || [vendor, architecture].filter(Boolean).join(' ') || 'unknown adapter',
    isSoftware: /software|swiftshader|llvmpipe/i.test(`${vendor} ${architecture} ${description} ${device}`),
    hasF16: features.has('shader-f16'),
    hasSubgroups,
    subgroupSize: hasSubgroups && subgroupMinSize === subgroupMaxSize ? subgroupMinSize : undefined,
    hasTimestamps: features.has('timestamp-query'),
  };
}

/** How long a failed operation waits to learn whether the device is gone: the two are reported apart. */
const LOSS_REPORT_MS = 250;

/**
 * Waits for work of the device, but not for ever on one that is gone.
 * Throws `DeviceLost`, or a plain `Error` with the first error that no scope caught.
 */
export async function whileDeviceLives<T>(gpu: Gpu, work: Promise<T>): Promise<T> {
  const lost = gpu.lost.then((info) => {
    throw new StudioError(
      'DeviceLost',
      `The GPU stopped answering (${info.message || info.reason}).`,
      'The case is started again on a new device; if it happens again, close other GPU work or choose a smaller patch.',
    );
  });
  try {
    const result = await Promise.race([work, lost]);
    if (gpu.errors.length > 0) throw new Error(gpu.errors[0]);
    return result;
  } catch (error) {
    await Promise.race([lost, new Promise((resolve) => setTimeout(resolve, LOSS_REPORT_MS))]);
    throw error;
  }
}
