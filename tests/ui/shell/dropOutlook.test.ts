import { expect, test } from 'vitest';
import { dropOutlook } from '@/ui/shell/dropOutlook';

test.each([
  [['application/json'], 'Plans open under Plan'],
  [['application/zip'], 'A model goes to Models'],
  [['application/x-zip-compressed'], 'A model goes to Models'],
  [['image/png', 'image/tiff'], 'Images open under Segment'],
  [['image/png', 'application/json'], 'bundles go into your library'],
  [[''], 'bundles go into your library'],
  [[], 'bundles go into your library'],
])('while %j is dragged it is said where it goes', (types, words) => {
  expect(dropOutlook(types)).toContain(words);
});
