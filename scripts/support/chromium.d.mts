/** The Chromium that the journeys run in; `undefined` where there is none. */
export function findChromium(): Promise<string | undefined>;
