import { expect, test } from 'vitest';
import type { CaseCheck } from '@/core/dataset/integrity';
import { casesThatFit, type WhichCases } from '@/ui/data/caseFilter';

const checks: readonly CaseCheck[] = [
  { caseId: 'anna', status: 'ok', findings: [] },
  { caseId: 'bert', status: 'warning', findings: [{ severity: 'warning', message: 'Empty.' }] },
  { caseId: 'carl', status: 'error', findings: [{ severity: 'error', message: 'Missing file.' }] },
  {
    caseId: 'dora',
    status: 'unlabelled',
    findings: [{ severity: 'error', message: 'Its label map is missing.' }],
  },
];
const idsOf = (text: string, which: WhichCases) =>
  casesThatFit(checks, { text, which }).map(({ caseId }) => caseId);

test('cases are found by name and by message, the worst first', () => {
  expect(idsOf('', 'all')).toEqual(['carl', 'bert', 'dora', 'anna']);
  expect(idsOf('', 'problems')).toEqual(['carl', 'bert']);
  expect(idsOf('', 'unlabelled')).toEqual(['dora']);
  expect(idsOf('ANN', 'all')).toEqual(['anna']);
  expect(idsOf('missing file', 'all')).toEqual(['carl']);
  expect(idsOf('anna', 'problems')).toEqual([]);
});
