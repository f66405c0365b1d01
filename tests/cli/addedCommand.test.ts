// A dummy on the list of commands is found, in the help and in the reference, with no other file touched.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Command } from '@/cli/command';
import { COMMANDS, commandNamed } from '@/cli/commandList';
import { helpOf, overview } from '@/cli/help';
import { COMMAND_DOCS, withCommandReference } from '../../scripts/docs/commandDocs';

const LIST = COMMANDS as Command[];
const DUMMY: Command = {
  name: 'weigh_images',
  aliases: ['weigh'],
  summary: 'weighs images',
  usage: 'IMAGE…',
  options: [{ names: ['--quick'], kind: 'flag', description: 'guesses' }],
  notes: [],
  examples: ['nnstudio weigh_images a.nii.gz'],
  run: async () => 0,
};

beforeAll(() => void LIST.push(DUMMY));
afterAll(() => void LIST.pop());

test('is found by its names', () => {
  for (const name of ['weigh_images', 'weigh', 'nnUNetv2_weigh_images'])
    expect(commandNamed(name)).toBe(DUMMY);
});

test('is in the overview and explains itself', () => {
  expect(overview(COMMANDS, [])).toMatch(/weigh_images +weighs images/);
  expect(helpOf(DUMMY)).toContain('--quick');
});

test('makes the reference in the documents old until it is written again', () => {
  const page = readFileSync(COMMAND_DOCS, 'utf8');
  const written = withCommandReference(page, COMMANDS);
  expect(written).not.toBe(page);
  expect(written).toContain('### nnstudio weigh_images');
});
