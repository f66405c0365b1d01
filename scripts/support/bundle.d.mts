/** Bundles entries (name → file below the project's root) and the threads of Node into `dist/<folder>`. */
export function bundle(
  folder: string,
  entries: Readonly<Record<string, string>>,
  options?: { readonly sourcemap?: boolean },
): Promise<void>;
