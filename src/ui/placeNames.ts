/** Every place of the studio: the first part of its address, `#/data/…`. */
export const PLACES = ['segment', 'data', 'plan', 'train', 'models', 'evaluate', 'choose', 'system'] as const;

export type Place = (typeof PLACES)[number];
