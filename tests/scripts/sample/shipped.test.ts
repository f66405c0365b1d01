import { readFileSync } from 'node:fs';
import { expect, onTestFinished } from 'vitest';
import { GpuPredictor } from '@/core/inference/predictor';
import { importModel } from '@/core/interop/importModel';

import { readCase } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import { makePhantom, PHANTOM_LABELS, PHANTOM_SHAPE } from '@/core/sample/phantom';
import { test } from '../../support/gpu';

const SHIPPED_SEED = 300;
const shipped = (name: string) => memoryFile(new Uint8Array(readFileSync(`public/sample/${name}`)), name);

test('the shipped image is the phantom, the shipped model segments it', { timeout: 300_000 }, async ({
  gpu,
}) => {
  const phantom = makePhantom(SHIPPED_SEED);
  const image = await readCase([shipped('phantom_0000.nii.gz')], 'SimpleITKIO');
  expect(image.shape).toEqual(PHANTOM_SHAPE);
  expect(
    Buffer.compare(new Uint8Array(Uint16Array.from(image.data).buffer), new Uint8Array(phantom.image.buffer)),
  ).toBe(0);

  const [{ model, loadFold }] = await importModel([shipped('phantom-model.zip')]);
  const settings = {
    folds: ['0'],
    tileStepSize: 1,
    useGaussian: true,
    useMirroring: false,
    saveProbabilities: false,
  };
  const predictor = await GpuPredictor.open({ gpu, model, loadFold, settings });
  onTestFinished(() => predictor.close());
  const { segmentation } = await predictor.predict(await predictor.prepare(image));
  const scores = Object.values(PHANTOM_LABELS)
    .slice(1)
    .map((label) => dice(segmentation, phantom.labels, label));
  expect(Math.min(...scores)).toBeGreaterThan(0.6);
  expect(scores.reduce((sum, score) => sum + score, 0) / scores.length).toBeGreaterThan(0.8);
});

function dice(a: ArrayLike<number>, b: ArrayLike<number>, label: number): number {
  let [overlap, total] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    if (a[i] === label) total++;
    if (b[i] === label) total++;
    if (a[i] === label && b[i] === label) overlap++;
  }
  return (2 * overlap) / total;
}
