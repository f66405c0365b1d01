import type { LoadState, SystemState } from '@/app/system/systemStore';
import { formatBytes } from '@/shared/numeric';

/** What a maintainer asks for, as text. Holds nothing about images or models. */
export function systemReport({ gpu, storage, load, requestsSinceLoad }: SystemState): string {
  const lines = [
    `Browser: ${navigator.userAgent}`,
    `Processor threads: ${navigator.hardwareConcurrency}`,
    `Cross-origin isolated: ${crossOriginIsolated}`,
    `Ready for offline use: ${offlineReadiness(load)}`,
    `Requests since load: ${requestsSinceLoad}`,
  ];
  if (storage) {
    const kept = storage.isPersistent ? 'persistent' : 'not persistent';
    lines.push(`Storage: ${formatBytes(storage.usedBytes)} of ${formatBytes(storage.quotaBytes)}, ${kept}`);
  }
  if (gpu.status === 'ready') {
    lines.push(`GPU: ${JSON.stringify(gpu.report.facts)}`, `Limits: ${JSON.stringify(gpu.report.limits)}`);
  } else lines.push(`GPU: ${gpu.status === 'missing' ? gpu.reason : gpu.status}`);
  return lines.join('\n');
}

/** Whether nnStudio needs the network any more. */
export function offlineReadiness(load: LoadState): string {
  switch (load.status) {
    case 'loading':
      return `loading, ${load.loaded} of ${load.total} parts`;
    case 'complete':
      return 'yes';
    case 'incomplete':
      return `no: ${load.missing.join(', ')} could not be loaded; reconnect and reload the page`;
  }
}
