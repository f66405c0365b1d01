import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

test('docs/parity.md has a line for every topic of golden data', () => {
  const topics = readdirSync('tests/conformance')
    .filter((name) => name !== 'topic.ts')
    .map((name) => name.replace('.ts', ''));
  const lines = readFileSync('docs/parity.md', 'utf8').split('\n');
  const isListed = (topic: string) =>
    lines.some((line) => line.startsWith('| `') && line.split('|')[1].includes(`\`${topic}\``));
  expect(topics.filter((topic) => !isListed(topic))).toEqual([]);
});
