// The form for label maps that join a dataset, without its looks.
import type { LabelsChoice, LabelsProposal } from '@/workers/data/api';

export interface LabelsForm {
  readonly replaces: boolean;
  /** One for each new value. */
  readonly names: readonly string[];
}

export function startLabelsForm({ newValues }: LabelsProposal): LabelsForm {
  return { replaces: false, names: newValues.map(({ value }) => `label ${value}`) };
}

/** What keeps the new labels from being declared. */
export function newLabelsError(
  { names }: LabelsForm,
  { declared, newValues }: LabelsProposal,
): string | undefined {
  const values = new Set([
    ...declared.flatMap(({ values: own }) => own),
    ...newValues.map(({ value }) => value),
  ]);
  const top = Math.max(...values);
  const gap = Array.from({ length: top }, (_, value) => value).find((value) => !values.has(value));
  if (gap !== undefined) {
    return `nnU-Net wants the labels 0, 1, 2, … without gaps, but ${gap} is neither declared nor in a label map. Renumber them first.`;
  }
  const trimmed = names.map((name) => name.trim());
  const unnamed = trimmed.indexOf('');
  if (unnamed >= 0) return `Name label ${newValues[unnamed].value}.`;
  const all = [...declared.map(({ name }) => name), ...trimmed];
  const twin = all.find((name, i) => all.indexOf(name) < i);
  return twin === undefined ? undefined : `Two labels are called ${twin}.`;
}

export function labelsChoice({ replaces, names }: LabelsForm, { newValues }: LabelsProposal): LabelsChoice {
  return { replaces, newLabels: newValues.map(({ value }, i) => ({ value, name: names[i].trim() })) };
}
