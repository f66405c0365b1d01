/**
 * What will become of files that are still in the air: browsers tell their types by then, neither names nor contents, and
 * of folders and many formats not even those.
 */
export function dropOutlook(types: readonly string[]): string {
  const all = (pattern: RegExp) => types.length > 0 && types.every((type) => pattern.test(type));
  if (all(/^application\/json$/)) return 'Plans open under Plan';
  if (all(/^image\//)) return 'Images open under Segment';
  if (all(/zip/)) return 'A model goes to Models, a dataset to Data, images to Segment';
  return 'Images open; datasets, plans, models and bundles go into your library';
}
