import { useEffect, useState } from 'react';
import type { BenchmarkProgress } from '@/workers/system/api';

/** How far the benchmark is now: reports come between measurements, and time passes within them. */
export function useBenchmarkProgress(progress: BenchmarkProgress | undefined): {
  /** 0…1. */
  readonly share: number;
  readonly secondsLeft: number | undefined;
} {
  const [passed, setPassed] = useState({ progress, seconds: 0 });
  useEffect(() => {
    const started = performance.now();
    const timer = setInterval(
      () => setPassed({ progress, seconds: (performance.now() - started) / 1000 }),
      1000,
    );
    return () => clearInterval(timer);
  }, [progress]);
  const { share = 0, secondsLeft } = progress ?? {};
  if (secondsLeft === undefined || share === 0) return { share, secondsLeft };
  const seconds = passed.progress === progress ? passed.seconds : 0;
  const total = secondsLeft / (1 - Math.min(share, 0.99));
  // What takes longer than was thought is never shown as done.
  const left = Math.max(secondsLeft - seconds, 0.02 * total);
  return { share: Math.min(1, 1 - left / total), secondsLeft: left };
}
