// A device that binds less at once than the one there is: what is cut on adapters of small limits is cut on it too.
import type { Gpu } from '@/gpu/device';

export interface NarrowGpu {
  readonly gpu: Gpu;
  /** Who bound more than that of a storage buffer, and how many bytes. */
  readonly excesses: readonly string[];
  /** Puts the device back as it was. */
  readonly restore: () => void;
}

/** The same device, whose `maxStorageBufferBindingSize` seems to be `bindingBytes`. */
export function narrowGpu(gpu: Gpu, bindingBytes: number): NarrowGpu {
  const limits = new Proxy(gpu.limits, {
    get: (real, name) =>
      name === 'maxStorageBufferBindingSize' ? bindingBytes : Reflect.get(real, name, real),
  });
  const { device } = gpu;
  const createBindGroup = device.createBindGroup.bind(device);
  const excesses: string[] = [];
  device.createBindGroup = (descriptor) => {
    for (const { binding, resource } of descriptor.entries) {
      const bytes = 'buffer' in resource ? (resource.size ?? 0) : 0;
      if (bytes > bindingBytes) excesses.push(`${descriptor.label}, binding ${binding}: ${bytes} bytes`);
    }
    return createBindGroup(descriptor);
  };
  return {
    gpu: { ...gpu, limits },
    excesses,
    restore: () => {
      device.createBindGroup = createBindGroup;
    },
  };
}
