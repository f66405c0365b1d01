// The command as a shell sees it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const root = mkdtempSync(path.join(os.tmpdir(), 'nnstudio-bench-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function nnstudio(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [path.resolve('bin/nnstudio.mjs'), 'bench', ...args],
    { cwd: root, encoding: 'utf8' },
  );
  return { status, stdout, stderr };
}

describe('nnstudio bench', () => {
  test('prints the report and writes it; only the smallest network is measured where there is no time', () => {
    const { status, stdout } = nnstudio('-minutes', '0.01', '-o', 'report.md');
    expect(status).toBe(0);
    expect(stdout.trim()).toBe(readFileSync(path.join(root, 'report.md'), 'utf8').trim());
    expect(stdout).toContain('## nnStudio benchmark');
    expect(stdout).toContain(`Node ${process.version}`);
    const table = stdout.split('\n').filter((line) => line.startsWith('| '));
    expect(table.map((line) => line.split('|')[3].trim())).toEqual(['pass', 'forward', 'training step']);
    expect(stdout).toMatch(
      /- ResEnc M.*: forward \(no time: about .*\); training step \(no time: about .*\)/,
    );
  }, 300_000);

  test.each([
    { args: ['-minutes', '0'], message: '-minutes must be positive.' },
    { args: ['--all', '-minutes', '1'], message: '--all and -minutes exclude each other.' },
  ])('$args is refused', ({ args, message }) => {
    const { status, stderr } = nnstudio(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });
});
