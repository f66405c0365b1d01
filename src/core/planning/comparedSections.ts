// Two plans files field by field, for a table: configurations resolved, so that inheritance and file format do not count.
import { messageOf } from '@/shared/errors';
import type { AnyPlans } from './anyPlans';
import { plansOverview } from './plansOverview';
import { type RawConfiguration, resolveConfiguration } from './resolveConfigurations';

/** One field of two plans; `undefined` where one of them has nothing. */
export interface ComparedField {
  /** `patch_size`, `architecture.arch_kwargs.strides`. */
  readonly path: string;
  readonly a: unknown;
  readonly b: unknown;
  readonly differs: boolean;
}

export interface ComparedSection {
  /** A configuration's name; `plans` for the fields above all configurations. */
  readonly title: string;
  readonly fields: readonly ComparedField[];
}

/** The text of a plans file, and its name for messages. */
interface PlansFile {
  readonly text: string;
  readonly fileName: string;
}

/** {@link comparedSections} of two files; the problem where one of them is no plans file. */
export function comparedTexts(
  a: PlansFile,
  b: PlansFile,
): { readonly sections: readonly ComparedSection[]; readonly problem: string | undefined } {
  try {
    const [left, right] = [a, b].map(({ text, fileName }) => plansOverview(text, fileName).plans);
    return { sections: comparedSections(left, right), problem: undefined };
  } catch (error) {
    return { sections: [], problem: messageOf(error) };
  }
}

/** Every field of both, the plans' own first, then configuration by configuration. */
export function comparedSections(a: AnyPlans, b: AnyPlans): readonly ComparedSection[] {
  const { configurations: configurationsA, ...globalA } = a;
  const { configurations: configurationsB, ...globalB } = b;
  const names = union(Object.keys(configurationsA), Object.keys(configurationsB));
  return [
    { title: 'plans', fields: fieldsOf(globalA, globalB) },
    ...names.map((title) => ({ title, fields: fieldsOf(resolved(a, title), resolved(b, title)) })),
  ];
}

function fieldsOf(a: unknown, b: unknown, path = ''): readonly ComparedField[] {
  if (!isRecord(a) && !isRecord(b)) {
    return [{ path, a, b, differs: JSON.stringify(a) !== JSON.stringify(b) }];
  }
  const [left, right] = [isRecord(a) ? a : {}, isRecord(b) ? b : {}];
  const keys = union(Object.keys(left), Object.keys(right));
  return keys.flatMap((key) => fieldsOf(left[key], right[key], path === '' ? key : `${path}.${key}`));
}

/** As its file has it where it cannot be resolved. */
function resolved({ configurations, plans_name }: AnyPlans, name: string): RawConfiguration | undefined {
  if (!Object.hasOwn(configurations, name)) return undefined;
  try {
    return resolveConfiguration(configurations, name, plans_name);
  } catch {
    return configurations[name];
  }
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...new Set([...a, ...b])];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
