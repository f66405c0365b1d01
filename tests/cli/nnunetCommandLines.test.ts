import { describe, expect, test } from 'vitest';
import { commandNamed, ELSEWHERE_NAMES, whyElsewhere } from '@/cli/commandList';
import { helpOf } from '@/cli/help';
import { parseOptions } from '@/cli/options';
import { NNUNET_COMMANDS } from './nnunetCommandLines';

/** A value that suits options of text and of numbers. */
const VALUE = '1';

const here = Object.entries(NNUNET_COMMANDS).filter(([name]) => whyElsewhere(name) === undefined);

describe('scripts made for nnU-Net', () => {
  test.for(here)('%s: every option in every spelling, beside the positional arguments', ([name, nnunet]) => {
    for (const called of [name, name.replace('nnUNetv2_', '')]) {
      const command = commandNamed(called);
      expect(command, called).toBeDefined();
      if (!command) continue;
      for (const [option, values] of Object.entries(nnunet.options)) {
        for (const spelling of [option, ...(nnunet.spellings?.[option] ?? [])]) {
          const given = { flag: [], one: [VALUE], many: [VALUE, '2', '3'] }[values];
          // Positional arguments stand before lists, as argparse would take them for more of the list.
          const line = [...nnunet.positionals, spelling, ...given];
          const parsed = parseOptions(line, command.options);
          expect([...parsed.values.values()], line.join(' ')).toEqual([given]);
          expect(parsed.positionals, line.join(' ')).toEqual(nnunet.positionals);
        }
      }
      const everything = Object.entries(nnunet.options).flatMap(([option, values]) => [
        option,
        ...(values === 'flag' ? [] : [VALUE]),
      ]);
      const whole = parseOptions([...nnunet.positionals, ...everything], command.options);
      expect(whole.values.size).toBe(Object.keys(nnunet.options).length);
    }
  });

  test('what has no effect is said so in the help, once', () => {
    const command = commandNamed('nnUNetv2_predict');
    const help = command ? helpOf(command) : '';
    for (const option of ['-npp', '-nps', '--not_on_device']) {
      const lines = help.split('\n').filter((line) => line.includes(`  ${option}`));
      expect(lines).toEqual([expect.stringContaining('accepted, has no effect here: ')]);
    }
  });

  test('what is left out is named with its reason and what to do', () => {
    expect(ELSEWHERE_NAMES.every((name) => `nnUNetv2_${name}` in NNUNET_COMMANDS)).toBe(true);
    for (const name of ELSEWHERE_NAMES) {
      expect(commandNamed(name)).toBeUndefined();
      expect(whyElsewhere(`nnUNetv2_${name}`)).toMatch(/nnStudio.*nnstudio/);
    }
  });

  test('a name that nothing has is neither', () => {
    expect(commandNamed('nnUNetv2_dream')).toBeUndefined();
    expect(whyElsewhere('nnUNetv2_dream')).toBeUndefined();
  });
});
