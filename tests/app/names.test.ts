import { describe, expect, test } from 'vitest';
import { nameProblem } from '@/app/names';

const RULES = { what: 'case', taken: ['Liver', 'Zoë'] };

describe('a name that a person gives', () => {
  test('is taken as it is, without the spaces around it', () => {
    expect(nameProblem(' Liver 2 ', RULES)).toBeUndefined();
  });

  test('is not empty', () => {
    expect(nameProblem('  ', RULES)).toContain('Enter a name');
  });

  test.each(['Liver', 'liver ', 'Zoe\u0308'])('%s is not given twice', (name) => {
    expect(nameProblem(name, RULES)).toContain('already; choose another name');
  });

  test('is short enough to be read', () => {
    expect(nameProblem('x'.repeat(121), RULES)).toContain('121 letters; shorten it to 120');
  });

  test('fits the files that are called by it', () => {
    expect(nameProblem('a/b', RULES)).toBeUndefined();
    for (const name of ['a/b', 'a\\b', 'a?', '.hidden', 'end.']) {
      expect(nameProblem(name, { ...RULES, isFileName: true }), name).toContain('leave it out');
    }
  });
});
