import { readFileSync } from 'node:fs';

/** What to do about the Node that runs this, in words; `undefined` for one that is new enough. */
export function nodeComplaint(running = process.versions.node) {
  const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const needed = engines.node.replace('>=', '');
  const [major, minor] = running.split('.').map(Number);
  const [neededMajor, neededMinor] = needed.split('.').map(Number);
  const isNew = major > neededMajor || (major === neededMajor && minor >= neededMinor);
  return isNew ? undefined : `Node ${running} is too old: install Node ${needed} or newer.`;
}
