import { expect, test } from 'vitest';
import { EnsembleOfPredictions } from '@/app/segment/ensembleOfPredictions';
import { averageProbabilities } from '@/core/evaluation/ensemble';
import type { Prediction } from '@/core/inference/predictor';
import { writeNpz } from '@/core/io/npy';
import { memoryFile } from '@/core/io/sourceFile';
import { labelsFromScores } from '@/core/preprocessing/exportPrediction';
import { seededRandom } from '@/shared/random';
import { labelSet } from '../../support/labels';

const SHAPE = [3, 4, 5] as const;
const VOXELS = 60;

function predictionOf(probabilities: Float32Array, seconds: number): Prediction {
  return {
    segmentation: new Uint8Array(VOXELS),
    shape: SHAPE,
    probabilities,
    memory: { plannedBytes: seconds, peakBytes: 10 - seconds },
    windows: { computed: 1, repeated: 0 },
    timings: { preprocessing: seconds, network: 2 * seconds, exporting: 0 },
  };
}

function drawn(seed: number, channels: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: channels * VOXELS }, () => random.uniform());
}

const SOFTMAX = labelSet({ background: 0, a: 1, b: 2 }, undefined);
const REGIONS = labelSet({ background: 0, whole: [1, 2], core: 2 }, [1, 2]);

test.each([
  { name: 'labels', labels: SOFTMAX },
  { name: 'regions', labels: REGIONS },
])('an ensemble of $name is the average of the files, to the bit', async ({ labels }) => {
  const all = [1, 2, 3].map((seed) => drawn(seed, labels.outputChannels));
  const files = await Promise.all(
    all.map(async (data, i) => {
      const probabilities = { shape: [labels.outputChannels, ...SHAPE], data };
      return memoryFile(await writeNpz({ probabilities }), `${i}.npz`);
    }),
  );
  const expected = await averageProbabilities(files, labels);

  const [first, ...others] = all.map((data, i) => predictionOf(data.slice(), i + 1));
  const ensemble = new EnsembleOfPredictions(labels, first);
  for (const other of others) ensemble.add(other, { name: 'other' });
  const mean = ensemble.mean();
  expect(mean.probabilities).toEqual(expected.data);
  expect(mean.segmentation).toEqual(labelsFromScores(expected.data, labels));
  expect(mean.timings).toEqual({ preprocessing: 6, network: 12, exporting: 0 });
  expect(mean.memory).toEqual({ plannedBytes: 3, peakBytes: 9 });
});

test('models of other classes are refused by name', () => {
  const ensemble = new EnsembleOfPredictions(SOFTMAX, predictionOf(drawn(1, 3), 1));
  expect(() => ensemble.add(predictionOf(drawn(2, 2), 1), { name: 'Liver' })).toThrow('Liver has 2 classes');
});
