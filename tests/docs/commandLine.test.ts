import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Command } from '@/cli/command';
import { COMMANDS } from '@/cli/commandList';
import { COMMAND_DOCS, withCommandReference } from '../../scripts/docs/commandDocs';

const page = readFileSync(COMMAND_DOCS, 'utf8');

describe('the reference of the command line', () => {
  test('is what the commands declare', () => {
    expect(
      page === withCommandReference(page, COMMANDS),
      `${COMMAND_DOCS} differs from the commands' declarations. Rewrite it: npm run docs`,
    ).toBe(true);
  });

  test('shows every option of a command, with marks of Markdown as they are typed', () => {
    const command: Command = {
      name: 'weigh_things',
      aliases: ['weigh'],
      summary: 'weighs <things>',
      usage: '-i FILE|FOLDER',
      options: [
        {
          names: ['-i', '--input'],
          kind: 'list',
          value: 'FILE|FOLDER…',
          description: 'things, *.nii or _all_',
        },
        { names: ['--quick'], kind: 'flag', description: '[ours] nnUNet_raw is not read' },
      ],
      notes: ['Two lines', 'of one paragraph.'],
      examples: ['nnstudio weigh_things -i thing'],
      run: async () => 0,
    };
    const written = withCommandReference(page, [command]);
    expect(written).toContain('| [`weigh_things`](#nnstudio-weigh_things) | weighs \\<things> |');
    expect(written).toContain('Weighs \\<things>. Also `weigh`.');
    expect(written).toContain('| `-i, --input FILE\\|FOLDER…` | things, \\*.nii or \\_all\\_ |');
    expect(written).toContain('| `--quick` | \\[ours\\] nnUNet_raw is not read |');
    expect(written).toContain('Two lines\nof one paragraph.');
    expect(withCommandReference(written, [command])).toBe(written);
  });

  test('asks for the lines that it stands between', () => {
    expect(() => withCommandReference('# Command line\n', COMMANDS)).toThrow('lacks the lines');
  });
});
