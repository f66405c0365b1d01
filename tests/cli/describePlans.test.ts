import { expect, test } from 'vitest';
import { describePlans } from '@/cli/describe/plans';
import { testConfiguration, testPlans } from '../support/plans';

test('the sizes of plans are told as x, y, z of the image, however the network has its axes', () => {
  const volumes = testConfiguration({ patchSize: [8, 16, 32], spacing: [5, 1, 0.5] });
  const kernelSizes = [
    [1, 3, 3],
    [3, 3, 3],
  ];
  const architecture = { ...volumes.architecture, kernelSizes };
  const slices = testConfiguration({ name: '2d', patchSize: [64, 48], spacing: [0.75, 1] });
  // The network's axes are x, z, y.
  const plans = testPlans({
    transposeForward: [2, 0, 1],
    transposeBackward: [1, 2, 0],
    configurations: { '3d_fullres': { ...volumes, architecture }, '2d': slices },
  });
  const lines = describePlans(plans).map((line) => line.replace(/ {2,}/g, ' '));
  expect(lines).toEqual(
    expect.arrayContaining([
      ' axes of the network x, z, y',
      ' patch (x, y, z) 8 × 32 × 16 voxels',
      ' spacing (x, y, z) 5 × 0.5 × 1 mm',
      ' kernels 1×3×3 3×3×3',
      ' patch (y, z) 48 × 64 voxels',
      ' spacing (y, z) 1 × 0.75 mm',
    ]),
  );
});
