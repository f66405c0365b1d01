import { describe, expect, test } from 'vitest';
import { type CaseArray, PredictionSession } from '@/app/segment/predictionSession';
import { importModel } from '@/core/interop/importModel';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { randomNormal } from '@/shared/random';
import { modelFolderFiles } from '../../support/modelFolder';

const SETTINGS = {
  folds: ['0'],
  tileStepSize: 0.5,
  useGaussian: true,
  useMirroring: false,
  saveProbabilities: false,
};

function imageArray(seed: number): CaseArray {
  const shape = [6, 24, 20] as const;
  return { data: randomNormal(6 * 24 * 20, seed), channels: 1, shape, spacing: [3, 1, 1] };
}

async function openSession(openGpu = openNodeGpu) {
  const [imported] = await importModel(modelFolderFiles());
  return new PredictionSession({ ...imported, settings: SETTINGS, openGpu });
}

describe("the predictor's uses", () => {
  test('a list and an iterator give what single arrays give, in order', async () => {
    const session = await openSession();
    const images = [1, 2, 3].map(imageArray);
    const single = [];
    for (const image of images) single.push((await session.predictArray(image)).segmentation);
    const listed = await session.predictArrays(images);
    const iterated = [];
    for await (const { segmentation } of session.predictFromIterator(images)) iterated.push(segmentation);
    await session.close();
    expect(listed.map(({ segmentation }) => segmentation)).toEqual(single);
    expect(iterated).toEqual(single);
    expect(new Set(single[0]).size).toBeGreaterThan(1);
  });

  test('a result does not wait for an iterator to come up with the next image', async () => {
    const session = await openSession();
    let release = () => {};
    const isWanted = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* slowly() {
      yield imageArray(1);
      await isWanted;
      yield imageArray(2);
    }
    const seen: number[] = [];
    for await (const { segmentation } of session.predictFromIterator(slowly())) {
      seen.push(segmentation.length);
      release();
    }
    await session.close();
    expect(seen).toEqual([2880, 2880]);
  });

  test('an image that cannot be predicted ends a list with its error', async () => {
    const session = await openSession();
    const wrong = { ...imageArray(2), channels: 2, data: new Float32Array(2 * 2880).fill(1) };
    await expect(session.predictArrays([imageArray(1), wrong])).rejects.toMatchObject({
      name: expect.stringMatching(/Channel/),
    });
    await session.close();
  });

  test('a device lost in the middle is opened anew and the image begun again', async () => {
    const undisturbed = await openSession();
    const { segmentation: expected } = await undisturbed.predictArray(imageArray(1));
    await undisturbed.close();
    const opened: Awaited<ReturnType<typeof openNodeGpu>>[] = [];
    const session = await openSession(async () => {
      const next = await openNodeGpu();
      opened.push(next);
      return next;
    });
    const { segmentation } = await session.predictArray(imageArray(1), {
      onProgress: ({ stage }) => {
        if (stage === 'network' && opened.length === 1) opened[0].device.destroy();
      },
    });
    await session.close();
    expect(opened).toHaveLength(2);
    expect(segmentation).toEqual(expected);
  });
});
