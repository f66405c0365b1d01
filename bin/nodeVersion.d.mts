/** What to do about the Node that runs this, in words; `undefined` for one that is new enough. */
export function nodeComplaint(running?: string): string | undefined;
