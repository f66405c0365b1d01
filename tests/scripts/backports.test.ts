import { describe, expect, test } from 'vitest';
import { backportsSources } from '../../scripts/support/debian.mjs';

const DEB822 = `Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
`;

describe('the apt source of backports', () => {
  test('is a copy of the deb822 entry of the release, with the other suite', () => {
    const [{ name, text }] = backportsSources([{ file: 'debian.sources', text: DEB822 }], 'bookworm');
    expect(name).toBe('nnstudio-backports.sources');
    expect(text).toBe(
      'Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm-backports\nComponents: main\n' +
        'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n',
    );
  });

  test('is a copy of the one-line entry, options included', () => {
    const text =
      '# deb http://old.example/debian bookworm main\n' +
      'deb-src http://mirror.example/debian bookworm main\n' +
      'deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib\n';
    expect(backportsSources([{ file: 'sources.list', text }], 'bookworm')).toEqual([
      {
        name: 'nnstudio-backports.list',
        text: 'deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm-backports main contrib\n',
      },
    ]);
  });

  test('is not made where the suite is there already', () => {
    const extra = 'deb http://mirror.example/debian bookworm-backports main\n';
    const sources = [
      { file: 'debian.sources', text: DEB822 },
      { file: 'more.list', text: extra },
    ];
    expect(backportsSources(sources, 'bookworm')).toEqual([]);
  });

  test('is not taken from a disabled entry, nor from files that apt ignores', () => {
    const disabled = DEB822.replace('Types: deb\n', 'Types: deb\nEnabled: no\n');
    const sources = [
      { file: 'debian.sources', text: disabled },
      { file: 'debian.sources.bak', text: DEB822 },
    ];
    expect(() => backportsSources(sources, 'bookworm')).toThrow('No apt source');
  });
});
