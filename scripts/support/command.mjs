import { spawn } from 'node:child_process';
import path from 'node:path';

export const projectRoot = path.resolve(import.meta.dirname, '../..');

/**
 * Runs a program in the project's root, its output streamed through, and resolves with its exit code.
 * Ctrl-C and termination reach the program too, so nothing outlives the script.
 */
export function runCommand(command, args, { env = {}, quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: projectRoot,
      env: { ...process.env, ...env },
      stdio: quiet ? ['ignore', 'ignore', 'ignore'] : ['ignore', 'inherit', 'inherit'],
      shell: process.platform === 'win32',
    });
    // An interrupt, whatever came: on it test runners end the servers and browsers that they started.
    const stop = () => child.kill('SIGINT');
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      process.removeListener('SIGINT', stop);
      process.removeListener('SIGTERM', stop);
      resolve(code ?? (signal ? 130 : 1));
    });
  });
}

/** A script of `node_modules/.bin`, run as above. */
export function runTool(name, args, options) {
  const tool = path.join(projectRoot, 'node_modules', '.bin', name);
  return runCommand(process.platform === 'win32' ? `"${tool}"` : tool, args, options);
}

/** `45 s`, `3 min 20 s`. */
export function formatDuration(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
