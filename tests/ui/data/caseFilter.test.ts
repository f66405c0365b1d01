import { expect, test } from 'vitest';
import type { CaseCheck } from '@/core/dataset/integrity';
import { casesThatFit } from '@/ui/data/caseFilter';

const checks: readonly CaseCheck[] = [
  { caseId: 'anna', status: 'ok', findings: [] },
  { caseId: 'bert', status: 'warning', findings: [{ severity: 'warning', message: 'Empty.' }] },
  { caseId: 'carl', status: 'error', findings: [{ severity: 'error', message: 'Missing file.' }] },
];
const idsOf = (text: string, isOnlyProblems: boolean) =>
  casesThatFit(checks, { text, isOnlyProblems }).map(({ caseId }) => caseId);

test('cases are found by name and by message, the worst first', () => {
  expect(idsOf('', false)).toEqual(['carl', 'bert', 'anna']);
  expect(idsOf('', true)).toEqual(['carl', 'bert']);
  expect(idsOf('ANN', false)).toEqual(['anna']);
  expect(idsOf('missing', false)).toEqual(['carl']);
  expect(idsOf('anna', true)).toEqual([]);
});
