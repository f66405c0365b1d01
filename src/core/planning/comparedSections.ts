// Two plans files field by field, for a table: configurations resolved, so that inheritance and file format do not count.
import { messageOf } from '@/shared/errors';
import { xyzOfNetwork } from '@/shared/geometry';
import type { AnyPlans } from './anyPlans';
import { plansOverview, transposesOf } from './plansOverview';
import { type RawConfiguration, resolveConfiguration } from './resolveConfigurations';

/** One field of two plans; `undefined` where one of them has nothing. */
export interface ComparedField {
  /** `patch_size`, `architecture.arch_kwargs.strides`. */
  readonly path: string;
  /** Sizes along axes, or lists of them: as x, y, z of the image, whatever the order of the file. */
  readonly isXyz: boolean;
  readonly a: unknown;
  readonly b: unknown;
  readonly differs: boolean;
}

type FieldInFile = Pick<ComparedField, 'path' | 'a' | 'b'>;

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

/** Keys whose lists go along the axes of the network. */
const AXIS_KEYS: ReadonlySet<string> = new Set([
  'original_median_spacing_after_transp',
  'original_median_shape_after_transp',
  'patch_size',
  'spacing',
  'median_image_size_in_voxels',
  'kernel_sizes',
  'strides',
  'conv_kernel_sizes',
  'pool_op_kernel_sizes',
]);

/** Every field of both, the plans' own first, then configuration by configuration. */
export function comparedSections(a: AnyPlans, b: AnyPlans): readonly ComparedSection[] {
  const { configurations: configurationsA, ...globalA } = a;
  const { configurations: configurationsB, ...globalB } = b;
  const names = union(Object.keys(configurationsA), Object.keys(configurationsB));
  const [transposeA, transposeB] = [a, b].map((plans) => transposesOf(plans).transposeBackward);
  const fields = (left: unknown, right: unknown) =>
    fieldsOf(left, right).map((field) => inXyz(field, transposeA, transposeB));
  return [
    { title: 'plans', fields: fields(globalA, globalB) },
    ...names.map((title) => ({ title, fields: fields(resolved(a, title), resolved(b, title)) })),
  ];
}

function fieldsOf(a: unknown, b: unknown, path = ''): readonly FieldInFile[] {
  if (!isRecord(a) && !isRecord(b)) return [{ path, a, b }];
  const [left, right] = [isRecord(a) ? a : {}, isRecord(b) ? b : {}];
  const keys = union(Object.keys(left), Object.keys(right));
  return keys.flatMap((key) => fieldsOf(left[key], right[key], path === '' ? key : `${path}.${key}`));
}

function inXyz(
  { path, a, b }: FieldInFile,
  transposeA: readonly number[],
  transposeB: readonly number[],
): ComparedField {
  const isXyz = AXIS_KEYS.has(path.slice(path.lastIndexOf('.') + 1));
  const [left, right] = isXyz ? [xyzOf(a, transposeA), xyzOf(b, transposeB)] : [a, b];
  return { path, isXyz, a: left, b: right, differs: JSON.stringify(left) !== JSON.stringify(right) };
}

/** Of a pair or triple, or of each in a list; anything else stays as it is. */
function xyzOf(value: unknown, transposeBackward: readonly number[]): unknown {
  if (!Array.isArray(value)) return value;
  if (value.some(Array.isArray)) return value.map((one) => xyzOf(one, transposeBackward));
  return value.length === 2 || value.length === 3 ? xyzOfNetwork(value, transposeBackward) : value;
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
