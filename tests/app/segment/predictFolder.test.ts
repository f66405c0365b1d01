import { describe, expect, test } from 'vitest';
import { type PredictFolderRequest, predictFolder } from '@/app/segment/predictFolder';
import { importModel } from '@/core/interop/importModel';
import { newGeometry, writeVolume } from '@/core/io/niftiWriter';
import { readNpz } from '@/core/io/npy';
import { readCase } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import { openNodeGpu } from '@/gpu/nodeGpu';
import type { ResultFolder } from '@/storage/resultFolder';
import { modelFolderFiles } from '../../support/modelFolder';
import { tinyCases, tinyImage } from '../../support/tinyCases';

type Files = Map<string, Uint8Array>;

function memoryFolder(files: Files): ResultFolder {
  return {
    has: async (name) => files.has(name),
    write: async (name, content) => {
      if (typeof content === 'string') throw new Error('results of a case are bytes');
      files.set(name, content);
    },
  };
}

async function jobOf(
  contents: readonly (Uint8Array | undefined)[],
  files: Files,
  changes: Partial<PredictFolderRequest> = {},
): Promise<PredictFolderRequest> {
  const [imported] = await importModel(modelFolderFiles());
  return {
    ...imported,
    cases: tinyCases(contents),
    results: memoryFolder(files),
    fileEnding: '.nii.gz',
    shouldContinue: false,
    openGpu: openNodeGpu,
    settings: {
      folds: ['0'],
      tileStepSize: 0.5,
      useGaussian: true,
      useMirroring: false,
      saveProbabilities: false,
    },
    ...changes,
  };
}

const statuses = (reports: Awaited<ReturnType<typeof predictFolder>>) =>
  reports.map(({ caseId, status }) => `${caseId} ${status}`);

describe('prediction of files in batch', () => {
  test('a case that cannot be read does not stop the others', async () => {
    const files: Files = new Map();
    const reports = await predictFolder(await jobOf([tinyImage(1), undefined, tinyImage(2)], files));
    expect(statuses(reports)).toEqual(['case_a done', 'case_b failed', 'case_c done']);
    expect([...files.keys()].sort()).toEqual(['case_a.nii.gz', 'case_c.nii.gz']);
    const failed = reports.find(({ status }) => status === 'failed');
    expect(failed).toMatchObject({ error: { message: expect.stringContaining('case_b_0000.nii') } });
  });

  test('an image of zeros is segmented as nnU-Net does, like any constant one, and it is said', async () => {
    const files: Files = new Map();
    const constant = (value: number) => {
      const shape = [6, 24, 20] as const;
      const data = new Float32Array(6 * 24 * 20).fill(value);
      return writeVolume(data, shape, newGeometry(shape, [3, 1, 1]));
    };
    const reports = await predictFolder(await jobOf([await constant(0), await constant(7)], files));
    expect(reports).toMatchObject([
      { status: 'done', warnings: [expect.stringMatching(/^Every voxel of the image is zero\. Check/)] },
      { status: 'done', warnings: [] },
    ]);
    expect(files.get('case_a.nii.gz')).toEqual(files.get('case_b.nii.gz'));
  });

  test('probabilities are those of the segmentation, on its own grid', async () => {
    const files: Files = new Map();
    const job = await jobOf([tinyImage(1)], files);
    await predictFolder({ ...job, settings: { ...job.settings, saveProbabilities: true } });
    const npz = await readNpz(files.get('case_a.npz') ?? new Uint8Array());
    const probabilities = npz.get('probabilities');
    expect(probabilities?.shape).toEqual([3, 6, 24, 20]);
    const written = memoryFile(files.get('case_a.nii.gz') ?? new Uint8Array(), 'case_a.nii.gz');
    const { data } = await readCase([written], 'SimpleITKIO');
    const scores = probabilities?.data ?? [];
    const best = data.map((_, i) => {
      const ofVoxel = [0, 1, 2].map((k) => Number(scores[k * data.length + i]));
      return ofVoxel.indexOf(Math.max(...ofVoxel));
    });
    expect(data).toEqual(best);
  });

  test('nothing is written beside the results before the weights are found good', async () => {
    const told: string[] = [];
    const onLoaded = async () => void told.push('loaded');
    const broken = await jobOf([tinyImage(1)], new Map(), {
      loadFold: () => Promise.reject(new Error('weights that are not finite')),
      onLoaded,
    });
    await expect(predictFolder(broken)).rejects.toThrow('not finite');
    expect(told).toEqual([]);
    await predictFolder(await jobOf([tinyImage(1)], new Map(), { onLoaded }));
    expect(told).toEqual(['loaded']);
  });

  test('continuing leaves out cases whose files are all there', async () => {
    const files: Files = new Map([['case_a.nii.gz', new Uint8Array(1)]]);
    const job = await jobOf([tinyImage(1), tinyImage(2)], files, { shouldContinue: true });
    expect(statuses(await predictFolder(job))).toEqual(['case_a skipped', 'case_b done']);
    expect(files.get('case_a.nii.gz')).toHaveLength(1);
    // With probabilities wanted, the segmentation alone does not make a case finished.
    const again = { ...job, settings: { ...job.settings, saveProbabilities: true } };
    expect(statuses(await predictFolder(again))).toEqual(['case_a done', 'case_b done']);
  });

  test('the next case is read while one is on the GPU', async () => {
    const events: string[] = [];
    const job = await jobOf([tinyImage(1), tinyImage(2)], new Map(), {
      onProgress: (caseId, { stage, share }) => events.push(`${caseId} ${stage} ${share}`),
    });
    await predictFolder(job);
    expect(events.indexOf('case_b reading 0')).toBeGreaterThanOrEqual(0);
    expect(events.indexOf('case_b reading 0')).toBeLessThan(events.indexOf('case_a network 1'));
  });

  test('cancelling rejects, and keeps what was finished', async () => {
    const controller = new AbortController();
    const files: Files = new Map();
    const job = await jobOf([tinyImage(1), tinyImage(2), tinyImage(3)], files, {
      signal: controller.signal,
      onProgress: (caseId, { stage }) => {
        if (caseId === 'case_b' && stage === 'network') controller.abort();
      },
    });
    await expect(predictFolder(job)).rejects.toMatchObject({ name: 'AbortError' });
    expect([...files.keys()]).toEqual(['case_a.nii.gz']);
  });
});
