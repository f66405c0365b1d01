// postprocessing.pkl, which nnU-Net applies, and postprocessing.json, which people read.
import type { LabelOrRegion } from '@/core/evaluation/metrics';
import { type EvaluationSummary, meansOf } from '@/core/evaluation/summary';
import { unpickle } from '@/core/interop/pickle';
import { allow, PYTHON_GLOBALS } from '@/core/interop/pickleGlobals';
import {
  inertGlobal,
  integerItems,
  isDict,
  PickleGlobal,
  PickleTuple,
  type PickleValue,
  sequenceItems,
} from '@/core/interop/pickleValues';
import { pythonJson } from '@/core/interop/pythonJson';
import { writePickle } from '@/core/interop/torchWriter';
import type { SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import type { PostprocessingStep } from './steps';

const MODULE = 'nnunetv2.postprocessing.remove_connected_components';
const FUNCTION = 'remove_all_but_largest_component_from_segmentation';

/** The one function that nnU-Net saves, as a name: its file is told apart by it, and nothing is called. */
const REMOVE_COMPONENTS = `${MODULE}.${FUNCTION}`;
const GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map([...PYTHON_GLOBALS, ...allow([MODULE], FUNCTION)]);

/**
 * The file that `nnUNetv2_apply_postprocessing` takes: a pair of functions, by name, and their arguments.
 *
 * Follows nnU-Net's `determine_postprocessing`.
 */
export function writePostprocessing(steps: readonly PostprocessingStep[]): Uint8Array {
  const kwargs = steps.map((step) => {
    const background: readonly [string, number][] =
      step.background === 0 ? [] : [['background_label', step.background]];
    return new Map<string, PickleValue>([['labels_or_regions', pickledMembers(step)], ...background]);
  });
  return writePickle(new PickleTuple([steps.map(() => inertGlobal(REMOVE_COMPONENTS)), kwargs]));
}

/** A label is an int, a region a tuple; several are a list. */
function pickledMembers({ members, isList }: PostprocessingStep): PickleValue {
  const values = members.map((each): PickleValue => (each.length === 1 ? each[0] : new PickleTuple(each)));
  return isList ? values : values[0];
}

/**
 * The steps of a postprocessing.pkl, whoever determined them. Throws `DisallowedGlobal` where the file names another
 * function, and `BadPostprocessing` or `BadPickle` where it is not one.
 */
export async function readPostprocessing(file: SourceFile): Promise<readonly PostprocessingStep[]> {
  const { value } = unpickle(await file.bytes(), { file: file.path, globals: GLOBALS });
  const [functions, kwargs] = (sequenceItems(value) ?? []).map(sequenceItems);
  if (!functions || !kwargs || functions.length !== kwargs.length) {
    throw bad(file, 'is not a pair of functions and arguments');
  }
  return functions.map((each, i) => {
    if (!(each instanceof PickleGlobal) || each.typeName !== REMOVE_COMPONENTS) {
      throw bad(file, 'has a step that does not remove components');
    }
    return stepOf(kwargs[i], file);
  });
}

function stepOf(kwargs: PickleValue, file: SourceFile): PostprocessingStep {
  const argument = (name: string) => (isDict(kwargs) ? kwargs.get(name) : undefined);
  const value = argument('labels_or_regions');
  const background = argument('background_label') ?? 0;
  const isList = Array.isArray(value);
  const members = (isList ? value : [value]).map(labelOrRegionOf);
  if (!members.every((each) => each !== undefined) || typeof background !== 'number') {
    throw bad(file, 'has a step without labels');
  }
  return { members, isList, background };
}

function labelOrRegionOf(value: PickleValue | undefined): LabelOrRegion | undefined {
  return typeof value === 'number' ? [value] : integerItems(value);
}

function bad({ path }: SourceFile, what: string): StudioError {
  return new StudioError(
    'BadPostprocessing',
    `${path} ${what}.`,
    'Take the postprocessing.pkl that find_best_configuration or determine_postprocessing wrote.',
  );
}

/** The file as nnU-Net writes it: means before and after, and what was done. */
export function postprocessingJson(
  before: EvaluationSummary,
  after: EvaluationSummary,
  steps: readonly PostprocessingStep[],
): string {
  return pythonJson(
    {
      input_folder: meansOf(before),
      postprocessed: meansOf(after),
      postprocessing_fns: steps.map(() => FUNCTION),
      postprocessing_kwargs: steps.map(({ members, isList }) => {
        const values = members.map((each) => (each.length === 1 ? each[0] : each));
        return { labels_or_regions: isList ? values : values[0] };
      }),
    },
    {
      shouldSortKeys: true,
      mayBeNaN: () => true,
      isFloat: ([first]) => first === 'input_folder' || first === 'postprocessed',
    },
  );
}
