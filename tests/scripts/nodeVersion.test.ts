import { expect, test } from 'vitest';
import { nodeComplaint } from '../../bin/nodeVersion.mjs';

test('a Node that is too old is named with the one that is needed', () => {
  expect(nodeComplaint('18.20.4')).toBe('Node 18.20.4 is too old: install Node 20.19 or newer.');
  expect(nodeComplaint('20.9.0')).toContain('20.19');
  for (const version of ['20.19.0', '22.0.0', '24.11.1']) expect(nodeComplaint(version)).toBeUndefined();
});
