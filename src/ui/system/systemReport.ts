import type { SystemState } from '@/app/systemStore';
import { formatBytes } from '@/shared/numeric';

/** What a maintainer asks for, as text. Holds nothing about images or models. */
export function systemReport({ gpu, storage, requestsSinceLoad }: SystemState): string {
  const lines = [
    `Browser: ${navigator.userAgent}`,
    `Processor threads: ${navigator.hardwareConcurrency}`,
    `Cross-origin isolated: ${crossOriginIsolated}`,
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
