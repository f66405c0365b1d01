import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SECURITY_HEADERS } from '../../securityHeaders';

test('docs/hosting.md shows the headers as the build writes them', () => {
  const lines = readFileSync('docs/hosting.md', 'utf8').split('\n');
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) expect(lines).toContain(`${name}: ${value}`);
});
