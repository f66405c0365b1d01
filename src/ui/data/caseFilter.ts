import type { CaseCheck } from '@/core/dataset/integrity';
import type { DatasetRecord } from '@/storage/datasetRecord';

export type WhichCases = 'all' | 'problems' | 'unlabelled';

export interface CaseFilter {
  /** In the case's name or one of its messages, whatever the case of the letters. */
  readonly text: string;
  readonly which: WhichCases;
}

/** The worst first, as they are what has to be done; cases of one kind keep their order. */
export function casesThatFit(
  checks: readonly CaseCheck[],
  { text, which }: CaseFilter,
): readonly CaseCheck[] {
  const wanted = text.trim().toLowerCase();
  const fits = (check: CaseCheck) =>
    isAmong(check, which) &&
    [check.caseId, ...check.findings.map(({ message }) => message)].some((each) =>
      each.toLowerCase().includes(wanted),
    );
  return checks.filter(fits).toSorted((a, b) => RANK[a.status] - RANK[b.status]);
}

const RANK: Readonly<Record<CaseCheck['status'], number>> = { error: 0, warning: 1, unlabelled: 2, ok: 3 };

/** A label map that is still to come is no problem of the case's. */
export function isAmong({ status, findings }: CaseCheck, which: WhichCases): boolean {
  switch (which) {
    case 'all':
      return true;
    case 'problems':
      return status !== 'unlabelled' && findings.length > 0;
    case 'unlabelled':
      return status === 'unlabelled';
  }
}

/** Every finding in a line, to send to whoever made the dataset. */
export function problemsText({ name, check }: DatasetRecord, checks: readonly CaseCheck[]): string {
  const all = [...(check?.findings ?? []), ...checks.flatMap(({ findings }) => findings)];
  return [`${name}:`, ...all.map(({ severity, message }) => `${severity}: ${message}`)].join('\n');
}
