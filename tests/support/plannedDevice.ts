import type { PlanDevice } from '@/graph/planBuilder';

/** A GPU to plan for: roomy limits, no software adapter. Nothing is opened. */
export function plannedDevice(limits: Partial<PlanDevice['limits']> = {}): PlanDevice {
  return {
    limits: {
      maxStorageBufferBindingSize: 2 ** 31,
      maxBufferSize: 2 ** 32,
      maxComputeWorkgroupsPerDimension: 65_535,
      ...limits,
    },
    facts: {
      vendor: '',
      architecture: '',
      description: '',
      isSoftware: false,
      hasF16: true,
      hasSubgroups: false,
      subgroupSize: undefined,
      hasTimestamps: false,
    },
  };
}
