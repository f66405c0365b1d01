// The form for loose pairs without its looks: where it starts, what is wrong with it, what it says.
import type { PairsFacts, PairsProposal } from '@/workers/data/api';

export interface PairsForm {
  readonly id: number;
  readonly title: string;
  readonly channels: readonly string[];
  /** One for each of {@link labelValues}; that of the background is not used. */
  readonly labels: readonly string[];
  /** Whether images without a label map are imported too. */
  readonly withUnlabelled: boolean;
}

export type PairsFormErrors = Partial<Record<keyof PairsForm, string>>;

export function startPairsForm(proposal: PairsProposal): PairsForm {
  const { name, channels, values } = proposal;
  return {
    id: Number(name.slice(7, 10)),
    title: name.slice(11),
    channels: new Array(channels).fill(''),
    labels: hasNoLabelMaps(proposal)
      ? ['background']
      : values.map(({ value }) => (value === 0 ? 'background' : `label ${value}`)),
    withUnlabelled: hasNoLabelMaps(proposal),
  };
}

/** Whether only images were given: which labels there are to be is up to the person. */
export function hasNoLabelMaps({ caseIds }: PairsProposal): boolean {
  return caseIds.length === 0;
}

/** The values that the labels of the form stand for: those of the label maps, or without any, one after the other. */
export function labelValues({ labels }: PairsForm, proposal: PairsProposal): readonly number[] {
  if (hasNoLabelMaps(proposal)) return labels.map((_, value) => value);
  return proposal.values.map(({ value }) => value);
}

/** How many cases the form would import. */
export function importedCases({ withUnlabelled }: PairsForm, { caseIds, unlabelled }: PairsProposal): number {
  return caseIds.length + (withUnlabelled ? unlabelled.length : 0);
}

/** What keeps the form from being sent, by field. */
export function pairsFormErrors(
  form: PairsForm,
  proposal: PairsProposal,
  taken: readonly string[],
): PairsFormErrors {
  const found = {
    id: idError(form, taken),
    title: /^[A-Za-z0-9][A-Za-z0-9-]*$/.test(form.title) ? undefined : 'Use letters, digits and hyphens.',
    channels: channelsError(form.channels),
    labels: labelsError(form.labels, labelValues(form, proposal), hasNoLabelMaps(proposal)),
  };
  return Object.fromEntries(Object.entries(found).filter(([, error]) => error !== undefined));
}

function idError({ id }: PairsForm, taken: readonly string[]): string | undefined {
  if (!Number.isInteger(id) || id < 1 || id > 999) return 'From 1 to 999.';
  const owner = taken.find((name) => name.startsWith(`Dataset${padded(id)}_`));
  return owner && `${owner} has it.`;
}

function channelsError(channels: readonly string[]): string | undefined {
  const unnamed = channels.findIndex((channel) => channel.trim() === '');
  return unnamed < 0 ? undefined : `Name channel ${unnamed}: what does it show?`;
}

function labelsError(
  names: readonly string[],
  values: readonly number[],
  mayBeNone: boolean,
): string | undefined {
  if (!mayBeNone && !values.some((value) => value > 0))
    return 'The label maps hold background only: there is nothing to learn.';
  const odd = values.find((value) => !Number.isInteger(value) || value < 0);
  if (odd !== undefined)
    return `The value ${odd} is no label: they are whole numbers from 0. Are these label maps?`;
  const top = values[values.length - 1];
  const missing = Array.from({ length: top }, (_, i) => i).find(
    (value) => value > 0 && !values.includes(value),
  );
  if (missing !== undefined) {
    return `nnU-Net wants the labels 0, 1, 2, … without gaps, but no label map holds ${missing}. Renumber them first.`;
  }
  const used = names.map((name, i) => (values[i] === 0 ? 'background' : name.trim()));
  const unnamed = used.indexOf('');
  if (unnamed >= 0) return `Name label ${values[unnamed]}.`;
  const twin = used.find((name, i) => used.indexOf(name) < i);
  return twin && `Two labels are called ${twin}.`;
}

/** What a form without errors says. */
export function pairsFacts(form: PairsForm, proposal: PairsProposal): PairsFacts {
  return {
    name: `Dataset${padded(form.id)}_${form.title}`,
    channelNames: form.channels.map((channel) => channel.trim()),
    labels: labelsOf(form, labelValues(form, proposal)),
    fileEnding: proposal.fileEnding,
    withUnlabelled: form.withUnlabelled,
  };
}

/** Every label map may lack the background; nnU-Net does not. */
function labelsOf({ labels }: PairsForm, values: readonly number[]): PairsFacts['labels'] {
  const named = values.map((value, i) => ({
    name: value === 0 ? 'background' : labels[i].trim(),
    values: [value],
  }));
  return values[0] === 0 ? named : [{ name: 'background', values: [0] }, ...named];
}

function padded(id: number): string {
  return String(id).padStart(3, '0');
}
