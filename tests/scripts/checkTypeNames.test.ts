// Names of types: the project keeps the rules, and a breach of each is found.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const SCRIPT = path.resolve(import.meta.dirname, '../../scripts/checkTypeNames.mjs');

let root: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'nnstudio-names-'));
  write(
    'core/plans.ts',
    'export interface Plans {}\ntype Local = string;\nexport const plans: Local = "";\n',
  );
  write('ui/plan/View.tsx', 'export type PlanView = { readonly name: string };\ntype Local = number;\n');
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(file: string, text: string): void {
  const target = path.join(root, 'src', file);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, text);
}

function check(...folder: readonly string[]) {
  const { status, stderr } = spawnSync(process.execPath, [SCRIPT, ...folder], { encoding: 'utf8' });
  return { status, problems: stderr.split('\n').filter((line) => line !== '') };
}

test('the project keeps the rules', () => {
  expect(check()).toEqual({ status: 0, problems: [] });
});

test('types of their own names pass, and so do two that no file exports', () => {
  expect(check(root)).toEqual({ status: 0, problems: [] });
});

test.each([
  ['an interface', 'export interface Plans {}'],
  ['a type', 'export type Plans = string;'],
  ['a class', 'export class Plans {}'],
  ['an abstract class', 'export abstract class Plans {}'],
])('a name that two files export is found: %s', (_, text) => {
  write('app/plan/other.ts', `${text}\n`);
  expect(check(root)).toEqual({
    status: 1,
    problems: ['Plans is exported by src/app/plan/other.ts and src/core/plans.ts'],
  });
});

test.each(['Storage', 'Request', 'Map', 'Node'])("the platform's own name is found: %s", (name) => {
  write('storage/own.ts', `export interface ${name} {}\n`);
  expect(check(root)).toEqual({
    status: 1,
    problems: [`${name} (src/storage/own.ts) is the name of one of the platform's types`],
  });
});
