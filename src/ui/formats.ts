// How numbers read on the page.

/** `3.40 s`, `48 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Three digits that matter: `0.0123`, `1.23`, `12.3`, `1,234`. */
export function formatMillilitres(millilitres: number): string {
  if (millilitres === 0) return '0';
  const digits = millilitres >= 100 ? 0 : Math.min(4, 2 - Math.floor(Math.log10(millilitres)));
  return millilitres.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function formatCount(n: number): string {
  return n.toLocaleString('en');
}

/** `1 case`, `3 cases`. */
export function plural(n: number, noun: string): string {
  return `${formatCount(n)} ${noun}${n === 1 ? '' : 's'}`;
}

export function formatPercent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** `Dataset004_Hippocampus` without its number. */
export function taskName(datasetName: string): string {
  return datasetName.replace(/^Dataset\d+_/, '');
}
