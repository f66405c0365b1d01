import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { noticesOf, packageFolder } from '../../scripts/support/thirdPartyNotices.mjs';

test('a module belongs to the package in the innermost node_modules', () => {
  expect(packageFolder('/a/node_modules/react/cjs/react.js')).toBe('/a/node_modules/react');
  expect(packageFolder('/a/node_modules/@mantine/core/esm/core.mjs')).toBe('/a/node_modules/@mantine/core');
  expect(packageFolder('/a/node_modules/geotiff/node_modules/pako/index.js')).toBe(
    '/a/node_modules/geotiff/node_modules/pako',
  );
  expect(packageFolder('C:\\a\\node_modules\\zod\\index.js')).toBe('C:/a/node_modules/zod');
  expect(packageFolder('/a/src/main.tsx')).toBeUndefined();
});

test('the notices have every package once, with the words of its licence', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'nnstudio-notices-'));
  try {
    const put = (name: string, files: Readonly<Record<string, string>>) => {
      const folder = path.join(root, name);
      mkdirSync(folder);
      for (const [file, text] of Object.entries(files)) writeFileSync(path.join(folder, file), text);
      return folder;
    };
    const named = (name: string) =>
      JSON.stringify({ name, version: '1.2.3', license: 'MIT', author: 'A. Uthor' });
    const withFile = put('b', {
      'package.json': named('b'),
      'LICENSE.md': 'Permission is granted',
      NOTICE: 'Also',
    });
    const without = put('a', { 'package.json': named('a') });
    const notices = noticesOf([withFile, without, withFile, path.join(root, 'gone')]);
    expect(notices.match(/^b 1\.2\.3 \(MIT\)$/gm)).toHaveLength(1);
    expect(notices).toContain('Permission is granted\n\nAlso');
    expect(notices).toMatch(/^a 1\.2\.3 \(MIT\)\n\nMIT, A\. Uthor$/m);
    expect(notices.indexOf('a 1.2.3')).toBeLessThan(notices.indexOf('b 1.2.3'));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
