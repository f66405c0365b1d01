import { version } from '../../../package.json';
import type { BenchmarkEnvironment } from './benchmarkReport';

/** User-agent client hints, which Chromium has. */
interface ClientHints {
  getHighEntropyValues(names: readonly string[]): Promise<{
    readonly platform?: string;
    readonly platformVersion?: string;
    readonly architecture?: string;
    readonly bitness?: string;
    readonly fullVersionList?: readonly { readonly brand: string; readonly version: string }[];
  }>;
}

/** The browser, the operating system and the processor's threads, as far as the browser tells. */
export async function browserEnvironment(): Promise<BenchmarkEnvironment> {
  const { userAgent, hardwareConcurrency } = navigator;
  const { userAgentData } = navigator as Navigator & { readonly userAgentData?: ClientHints };
  const read = readUserAgent(userAgent);
  const hints = await userAgentData
    ?.getHighEntropyValues(['platformVersion', 'architecture', 'bitness', 'fullVersionList'])
    .catch(() => undefined);
  const brands = hints?.fullVersionList?.filter(({ brand }) => !/not.?a.?brand/i.test(brand)) ?? [];
  const [browser] = brands.toSorted(
    (a, b) => Number(a.brand === 'Chromium') - Number(b.brand === 'Chromium'),
  );
  const platform = hints?.platform && [hints.platform, hints.platformVersion].filter(Boolean).join(' ');
  const processor = [hints?.architecture, hints?.bitness && `${hints.bitness} bit`].filter(Boolean).join(' ');
  return {
    version,
    runtime: browser ? `${browser.brand} ${browser.version}` : read.runtime,
    system: [platform || read.system, processor, `${hardwareConcurrency} processor threads`]
      .filter(Boolean)
      .join(', '),
  };
}

/** Names of browsers in a user agent, what stands for more than one last. */
const BROWSERS = [
  ['Edge', /Edg\/([\d.]+)/],
  ['Firefox', /Firefox\/([\d.]+)/],
  ['Chrome', /Chrome\/([\d.]+)/],
  ['Safari', /Version\/([\d.]+).*Safari/],
] as const;

/** What a user agent says of browser and system; the whole of it where it says neither in a known way. */
export function readUserAgent(userAgent: string): { readonly runtime: string; readonly system: string } {
  const found = BROWSERS.flatMap(([name, pattern]) => {
    const match = pattern.exec(userAgent);
    return match ? [`${name} ${match[1]}`] : [];
  });
  const system = /\(([^)]*)\)/.exec(userAgent)?.[1].replace(/;\s*rv:[\d.]+/, '');
  return { runtime: found[0] ?? userAgent, system: system ?? 'unknown system' };
}
