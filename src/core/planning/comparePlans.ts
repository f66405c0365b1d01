// Two plans side by side.

/** One place where they differ; `undefined` where one of them has nothing. */
export interface PlanDifference {
  /** `configurations.3d_fullres.patch_size`. */
  readonly path: string;
  readonly a: unknown;
  readonly b: unknown;
}

/** Every difference between two plans files, in the order of the first's keys. Lists are compared whole. */
export function comparePlans(a: unknown, b: unknown, path = ''): readonly PlanDifference[] {
  if (!isRecord(a) || !isRecord(b)) {
    return JSON.stringify(a) === JSON.stringify(b) ? [] : [{ path, a, b }];
  }
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return keys.flatMap((key) => comparePlans(a[key], b[key], path === '' ? key : `${path}.${key}`));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
