// For tests that need no GPU: what opens a device in Node is not there, so that none does by a way unseen.
import { vi } from 'vitest';

vi.mock('webgpu', () => {
  const refuse = () => {
    throw new Error(
      'A test without a GPU opens a device: import src/gpu/nodeGpu.ts, and it is run with those that have one.',
    );
  };
  return {
    create: refuse,
    get globals() {
      return refuse();
    },
  };
});
