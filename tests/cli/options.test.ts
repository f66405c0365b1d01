import { describe, expect, test } from 'vitest';
import { isGiven, listOf, numberOf, type OptionSpec, parseOptions, textOf } from '@/cli/options';
import { nearestTo } from '@/shared/nearest';

const SPECS: readonly OptionSpec[] = [
  { names: ['-i'], kind: 'list', description: '' },
  { names: ['-f'], kind: 'list', description: '' },
  { names: ['-chk'], kind: 'text', description: '' },
  { names: ['-step_size', '--step_size'], kind: 'number', description: '' },
  { names: ['--continue_prediction', '--c'], kind: 'flag', description: '' },
];
const parse = (line: string) => parseOptions(line.split(' ').filter(Boolean), SPECS);

describe("options in nnU-Net's spelling", () => {
  test('a list takes every value up to the next option', () => {
    const options = parse('-f 0 1 2 -chk checkpoint_best.pth');
    expect(listOf(options, '-f')).toEqual(['0', '1', '2']);
    expect(textOf(options, '-chk')).toBe('checkpoint_best.pth');
  });

  test('one dash with several letters is one option', () => {
    expect(numberOf(parse('-step_size 0.75'), '-step_size', 0.5)).toBe(0.75);
    expect(numberOf(parse('--step_size=0.25'), '-step_size', 0.5)).toBe(0.25);
    expect(numberOf(parse(''), '-step_size', 0.5)).toBe(0.5);
  });

  test('every spelling of an option counts as its first', () => {
    expect(isGiven(parse('--c'), '--continue_prediction')).toBe(true);
    expect(isGiven(parse(''), '--continue_prediction')).toBe(false);
  });

  test('a negative number is a value, and what follows -- is none of the options', () => {
    expect(numberOf(parse('-step_size -1'), '-step_size', 0)).toBe(-1);
    expect(parse('a -- -f').positionals).toEqual(['a', '-f']);
  });

  test.each([
    { line: '--continue_predicton', message: 'Did you mean --continue_prediction?' },
    { line: '--chk x', message: 'Did you mean -chk?' },
    { line: '--qqqqqqqq', message: 'Unknown option --qqqqqqqq.' },
    { line: '-chk -f 0', message: '-chk needs a value' },
    { line: '-step_size half', message: '-step_size needs a number, not half.' },
    { line: '--c=1', message: '--continue_prediction takes no value.' },
  ])('$line is refused: $message', ({ line, message }) => {
    expect(() => parse(line)).toThrow(message);
    expect(() => parse(line)).toThrow(expect.objectContaining({ name: 'Usage' }));
  });

  test('a word far from every candidate gets no suggestion', () => {
    expect(nearestTo('predcit', ['predict', 'inspect'])).toBe('predict');
    expect(nearestTo('segmentation', ['predict', 'inspect'])).toBeUndefined();
  });
});
