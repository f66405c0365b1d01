// What people get wrong in a dataset.json, said with the line to write instead. A schema can say that a value does not fit;
// this says what was meant.
import { doubledKeys, orderedEntries } from './orderedJson';
import { compact, described } from './schemaWords';

/** What is wrong, and what to write in its place. */
export interface DatasetJsonFault {
  readonly what: string;
  readonly write: string;
}

/** Keys that nnU-Net insists on, in the order in which it looks. */
const REQUIRED_KEYS = ['labels', 'channel_names', 'numTraining', 'file_ending'] as const;

/** What to write where a key is missing. */
const EXAMPLES: Readonly<Record<(typeof REQUIRED_KEYS)[number], string>> = {
  labels: '"labels": {"background": 0, "tumor": 1}',
  channel_names: '"channel_names": {"0": "MRI"}',
  numTraining: '"numTraining": 20, the number of training cases',
  file_ending: '"file_ending": ".nii.gz"',
};

/** A line of suggestions stays readable. */
const MAX_LINE = 400;

/**
 * Faults of a dataset.json, by its keys; none where only a schema can tell, or all is right. Of a model's copy only what
 * names channels and labels matters.
 */
export function datasetJsonFaults(
  json: unknown,
  { isOfModel = false }: { readonly isOfModel?: boolean } = {},
): readonly DatasetJsonFault[] {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return [
      {
        what: `the file as a whole is ${described(json)}, where an object { … } belongs`,
        write: `{${EXAMPLES.channel_names}, ${EXAMPLES.labels}, "numTraining": 20, ${EXAMPLES.file_ending}}`,
      },
    ];
  }
  const entries = new Map(orderedEntries(json));
  if (isOfModel) {
    const names = entries.get('channel_names') ?? entries.get('modality');
    return [
      ...missingFaults(
        new Map([...entries, ...(names === undefined ? [] : [['channel_names', names] as const])]),
        ['labels', 'channel_names'],
      ),
      ...channelFaults(names),
      ...labelFaults(entries.get('labels')),
      ...orderFaults(entries.get('regions_class_order'), entries.get('labels')),
    ];
  }
  return [
    ...doubledFaults(json, 'the file'),
    ...missingFaults(entries, REQUIRED_KEYS),
    ...channelFaults(entries.get('channel_names')),
    ...labelFaults(entries.get('labels')),
    ...countFaults(entries.get('numTraining')),
    ...endingFaults(entries.get('file_ending')),
    ...tableFaults(entries.get('dataset')),
    ...orderFaults(entries.get('regions_class_order'), entries.get('labels')),
  ];
}

/** The faults as one text: what is wrong, and the lines to write. */
export function faultText(faults: readonly DatasetJsonFault[]): {
  readonly what: string;
  readonly remedy: string;
} {
  return {
    what: faults.map(({ what }) => what).join('; '),
    remedy: `Write ${faults.map(({ write }) => write).join(' and ')}.`,
  };
}

/** The order in which regions are written: of each the value that no later one has, as for regions inside each other. */
function suggestedClassOrder(regions: readonly (readonly number[])[]): readonly number[] {
  return regions.map((region, i) => {
    const later = new Set(regions.slice(i + 1).flat());
    return region.find((value) => !later.has(value)) ?? region[0];
  });
}

function missingFaults(
  entries: ReadonlyMap<string, unknown>,
  required: readonly (typeof REQUIRED_KEYS)[number][],
): readonly DatasetJsonFault[] {
  const missing = required.filter((key) => !entries.has(key));
  const has = [...entries.keys()].join(', ') || 'no keys';
  return missing.map((key) => {
    if (key === 'channel_names' && entries.has('modality')) {
      const names = compact(inOrder(entries.get('modality')));
      return {
        what: 'channel_names is missing; nnU-Net 1 called it modality',
        write: line(
          `"channel_names": ${names} instead of modality (convert_MSD_dataset does it for a Decathlon task)`,
        ),
      };
    }
    const similar = [...entries.keys()].find((each) => plain(each) === plain(key));
    return similar === undefined
      ? { what: `${key} is missing; the file has ${has}`, write: EXAMPLES[key] }
      : {
          what: `${key} is missing; it is called ${similar} here`,
          write: `"${key}" instead of "${similar}"`,
        };
  });
}

/** Without capitals and signs: `fileEnding` for `file_ending`. */
function plain(key: string): string {
  return key.toLowerCase().replace(/[^a-z]/g, '');
}

function channelFaults(value: unknown): readonly DatasetJsonFault[] {
  if (value === undefined) return [];
  const numbered = (names: readonly unknown[]) =>
    line(`"channel_names": ${compact(new Map(names.map((name, i) => [String(i), String(name)])))}`);
  if (typeof value === 'string') {
    return [{ what: `channel_names is ${described(value)} alone`, write: numbered([value]) }];
  }
  if (Array.isArray(value)) {
    return [{ what: 'channel_names is a list; each name belongs to its number', write: numbered(value) }];
  }
  if (typeof value !== 'object' || value === null) return [];
  const entries = orderedEntries(value);
  if (entries.length === 0) return [{ what: 'channel_names is empty', write: EXAMPLES.channel_names }];
  const areTurned = entries.every(([key, name]) => !isNumber(key) && isNumber(name));
  if (areTurned) {
    const byNumber = entries.toSorted(([, a], [, b]) => Number(a) - Number(b)).map(([key]) => key);
    return [
      {
        what: 'channel_names is turned round: it gives names their numbers, but the number comes first',
        write: numbered(byNumber),
      },
    ];
  }
  const doubled = doubledFaults(value, 'channel_names');
  if (doubled.length > 0) return doubled;
  const wrong = entries.filter(([, name]) => typeof name !== 'string');
  if (wrong.length > 0) {
    const names = entries.map(([, name], i) => (typeof name === 'string' ? name : `channel ${i}`));
    return [
      {
        what: `channel_names.${wrong[0][0]} is ${described(wrong[0][1])}, where the name of the channel belongs`,
        write: numbered(names),
      },
    ];
  }
  return [];
}

function labelFaults(value: unknown): readonly DatasetJsonFault[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) {
    return [
      {
        what: 'labels is a list; each name needs its number',
        write: line(`"labels": ${compact(new Map(value.map((name, i) => [String(name), i])))}`),
      },
    ];
  }
  if (typeof value !== 'object' || value === null) {
    return [
      {
        what: `labels is ${described(value)}, where names with their numbers belong`,
        write: EXAMPLES.labels,
      },
    ];
  }
  const entries = orderedEntries(value);
  if (entries.length === 0) return [{ what: 'labels is empty', write: EXAMPLES.labels }];
  if (entries.every(([key, name]) => isNumber(key) && typeof name === 'string' && !isNumber(name))) {
    const turned = new Map(entries.map(([key, name]) => [String(name), Number(key)]));
    return [
      {
        what: 'labels is turned round, as in nnU-Net 1: it gives numbers their names, but the name comes first',
        write: line(`"labels": ${compact(turned)}`),
      },
    ];
  }
  const doubled = doubledFaults(value, 'labels');
  if (doubled.length > 0) return doubled;
  const quoted = entries.filter(([, each]) => hasQuotedNumbers(each));
  if (quoted.length > 0) {
    const unquoted = new Map(entries.map(([key, each]) => [key, withoutQuotes(each)]));
    return [
      {
        what: `labels has numbers in quotes (${quoted.map(([key, each]) => `"${key}": ${compact(each)}`).join(', ')}), which are texts`,
        write: line(`"labels": ${compact(unquoted)}`),
      },
    ];
  }
  return entries.flatMap(([key, each]) => oneLabelFault(key, each));
}

function oneLabelFault(key: string, value: unknown): readonly DatasetJsonFault[] {
  const what = `labels.${key} is ${described(value)}`;
  if (typeof value === 'number') {
    if (Number.isInteger(value) && value >= 0) return [];
    const whole = Number.isFinite(value) ? Math.max(0, Math.round(value)) : 1;
    return [
      { what: `${what}; labels are whole numbers from 0`, write: `"${key}": ${whole}, as in the label maps` },
    ];
  }
  if (Array.isArray(value)) {
    if (value.length === 0)
      return [{ what: `${what}; a region lists its labels`, write: `"${key}": [1, 2], or leave it out` }];
    if (value.every((each) => Number.isInteger(each) && each >= 0)) return [];
    return [
      { what: `${what}; a region lists labels, which are whole numbers from 0`, write: `"${key}": [1, 2]` },
    ];
  }
  return [{ what: `${what}, where its number belongs`, write: `"${key}": 1, the number in the label maps` }];
}

function countFaults(value: unknown): readonly DatasetJsonFault[] {
  if (value === undefined || (Number.isInteger(value) && Number(value) >= 0)) return [];
  const meant = isNumber(value) ? Math.max(0, Math.round(Number(value))) : 20;
  return [
    {
      what: `numTraining is ${described(value)}; it is the number of training cases`,
      write: `"numTraining": ${meant}`,
    },
  ];
}

function endingFaults(value: unknown): readonly DatasetJsonFault[] {
  if (value === undefined || (typeof value === 'string' && /^\../.test(value))) return [];
  const meant = typeof value === 'string' && value !== '' ? `.${value.replace(/^[.*]+/, '')}` : '.nii.gz';
  const why = typeof value === 'string' ? 'it starts with a dot' : 'it is one text, as all files end alike';
  return [{ what: `file_ending is ${described(value)}; ${why}`, write: `"file_ending": "${meant}"` }];
}

const TABLE =
  'dataset lists each case with its files, a list of images in the order of the channels and one label map';

/** The table of files that a dataset.json may have of its own. */
function tableFaults(value: unknown): readonly DatasetJsonFault[] {
  if (value === undefined || value === null) return [];
  if (typeof value !== 'object') return [tableFault(`dataset is ${described(value)}`, undefined, undefined)];
  if (Array.isArray(value)) {
    const [first] = value;
    return [
      tableFault('dataset is a list, as in nnU-Net 1, without names of cases', caseNameOf(first), first),
    ];
  }
  const wrong = orderedEntries(value).filter(([, each]) => !isTableRow(each));
  if (wrong.length === 0) return [];
  const [[caseId, row]] = wrong;
  const many = wrong.length > 1 ? ` (and ${wrong.length - 1} more)` : '';
  return [tableFault(`dataset.${caseId}${many} ${rowFault(row)}`, caseId, row)];
}

function tableFault(what: string, caseId: string | undefined, row: unknown): DatasetJsonFault {
  const files = new Map(typeof row === 'object' && row !== null ? orderedEntries(row) : []);
  const given = files.get('images') ?? files.get('image') ?? (typeof row === 'string' ? row : undefined);
  const images = given === undefined ? [`imagesTr/${caseId ?? 'case'}_0000.nii.gz`] : [given].flat();
  const label = files.get('label') ?? files.get('labels') ?? `labelsTr/${caseId ?? 'case'}.nii.gz`;
  const rows = new Map([
    [
      caseId ?? 'case',
      new Map<string, unknown>([
        ['images', images],
        ['label', label],
      ]),
    ],
  ]);
  return { what: `${what}; ${TABLE}`, write: line(`"dataset": ${compact(rows)}, with every case`) };
}

function isTableRow(row: unknown): boolean {
  if (typeof row !== 'object' || row === null) return false;
  const files = new Map(orderedEntries(row));
  const images = files.get('images');
  const areTexts =
    Array.isArray(images) && images.length > 0 && images.every((each) => typeof each === 'string');
  return areTexts && typeof files.get('label') === 'string';
}

function rowFault(row: unknown): string {
  const files = new Map(typeof row === 'object' && row !== null ? orderedEntries(row) : []);
  if (files.size === 0) return `is ${described(row)}`;
  const images = files.get('images');
  if (images === undefined) return files.has('image') ? 'has image, which is called images' : 'has no images';
  if (!Array.isArray(images)) return `has images that are ${described(images)} and no list`;
  if (images.length === 0) return 'has no images';
  if (!images.every((each) => typeof each === 'string')) return 'has images that are no paths';
  return files.has('label') ? `has a label that is ${described(files.get('label'))}` : 'has no label';
}

/** `x0` of `{"image": "imagesTr/x0_0000.nii.gz"}`. */
function caseNameOf(row: unknown): string | undefined {
  const files = new Map(typeof row === 'object' && row !== null ? orderedEntries(row) : []);
  const path = [row, files.get('label'), files.get('image')].find((each) => typeof each === 'string');
  return /([^/\\]+?)(?:_\d{4})?\.[^/\\]*$/.exec(String(path ?? ''))?.[1];
}

function orderFaults(value: unknown, labels: unknown): readonly DatasetJsonFault[] {
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) return [];
  if (labelFaults(labels).length > 0) return [];
  const named = orderedEntries(labels).filter(([key]) => key !== 'ignore');
  const values = named.map(([, each]) => [each].flat().map(Number));
  if (!values.some((each) => each.length > 1)) return [];
  const regions = values.filter((each) => !each.every((label) => label === 0));
  const write = `"regions_class_order": ${compact(suggestedClassOrder(regions))}`;
  if (value === undefined || value === null) {
    return [{ what: 'labels has regions, but regions_class_order is missing', write }];
  }
  const isOrder = Array.isArray(value) && value.every((each) => Number.isInteger(each) && each >= 0);
  if (!isOrder) {
    return [
      { what: `regions_class_order is ${described(value)}, where a list of whole numbers belongs`, write },
    ];
  }
  if (value.length === regions.length) return [];
  return [
    {
      what: `regions_class_order has ${value.length} ${value.length === 1 ? 'entry' : 'entries'} for ${regions.length} regions; it has one for each, background and ignore left out`,
      write,
    },
  ];
}

function doubledFaults(value: object, where: string): readonly DatasetJsonFault[] {
  return [...doubledKeys(value)].map(([key, values]) => ({
    what: `${where} has "${key}" ${values.length === 2 ? 'twice' : `${values.length} times`} (${values.map(compact).join(' and ')}); only the last would count`,
    write: line(`"${key}" once, as "${key}": ${keptValue(key, value, values)}`),
  }));
}

/** Of a doubled key: the ignore label is the one above all others; of others the first may stay. */
function keptValue(key: string, object: object, values: readonly unknown[]): string {
  if (key !== 'ignore') return `${compact(values[0])} or under another name`;
  const others = orderedEntries(object).flatMap(([name, each]) => (name === 'ignore' ? [] : [each].flat()));
  const highest = Math.max(0, ...others.filter((each) => typeof each === 'number'));
  return String(highest + 1);
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^\s*-?\d+(\.\d+)?\s*$/.test(value));
}

function hasQuotedNumbers(value: unknown): boolean {
  if (typeof value === 'string') return /^\s*[[(]?\s*\d+(\s*,\s*\d+)*\s*[\])]?\s*$/.test(value);
  return Array.isArray(value) && value.some((each) => typeof each === 'string' && isNumber(each));
}

function withoutQuotes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => (isNumber(each) ? Number(each) : each));
  if (typeof value !== 'string' || !hasQuotedNumbers(value)) return value;
  const numbers = (value.match(/\d+/g) ?? []).map(Number);
  return numbers.length === 1 && !/[[(]/.test(value) ? numbers[0] : numbers;
}

function inOrder(value: unknown): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? new Map(orderedEntries(value))
    : value;
}

function line(text: string): string {
  return text.length > MAX_LINE ? `${text.slice(0, MAX_LINE)}…` : text;
}
