// Cases worked on by threads of Node give the same bits as in this thread, in the same order.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { preprocessDataset } from '@/app/data/preprocessDataset';
import { planDataset } from '@/app/plan/planDataset';
import { openRawDataset, type RawDataset } from '@/core/dataset/rawDataset';
import { datasetFingerprint } from '@/core/fingerprint/datasetFingerprint';
import { memoryFile } from '@/core/io/sourceFile';
import { encodeTiff } from '@/core/io/tiff';
import { plannerNamed } from '@/core/planning/planners';
import { readPlans } from '@/core/planning/readPlans';
import { fingerprintJson, plansJson } from '@/core/planning/writePlans';
import { isAbort } from '@/shared/errors';
import { nodeFile } from '@/storage/nodeFiles';
import { answerTo, type CaseRequest } from '@/workers/data/caseMessages';
import { casePool } from '@/workers/data/casePool';
import { type CaseWorkers, localCaseWorkers } from '@/workers/data/caseWorkers';
import { nodeCaseWorkers } from '@/workers/data/nodeCaseWorkers';
import { bundle } from '../../../scripts/support/bundle.mjs';
import { memoryFolder } from '../../support/memoryFolder';
import { filesOf, TINY_DATASET, tinyDataset } from '../../support/tinyDataset';

const MINUTE = 60_000;
const SAMPLES = 3000;
const projectRoot = path.resolve(import.meta.dirname, '../../..');
/** Apart from the command's own bundle, which others may be using. */
const BUNDLE = 'test-threads';

let folder: string;
let workerFile: URL;
let onDisk: RawDataset;

beforeAll(async () => {
  await bundle(BUNDLE, {});
  workerFile = pathToFileURL(path.join(projectRoot, 'dist', BUNDLE, 'nodeCase.worker.mjs'));
  folder = mkdtempSync(path.join(tmpdir(), 'nnstudio-'));
  const files = [...tinyDataset()].map(([below, content]) => {
    const location = path.join(folder, below.replaceAll('/', '_'));
    writeFileSync(location, content);
    return nodeFile(location, `${TINY_DATASET}/${below}`);
  });
  onDisk = await openRawDataset(await Promise.all(files));
}, MINUTE);

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(path.join(projectRoot, 'dist', BUNDLE), { recursive: true, force: true });
});

const inMemory = () => openRawDataset(filesOf(tinyDataset()));

test('threads give the same bytes as this one, from files on disk or in memory', async () => {
  const threads = nodeCaseWorkers(3, workerFile);
  const [expected, ...others] = [
    await selfConfigured(await inMemory(), localCaseWorkers({ atOnce: 1 })),
    await selfConfigured(onDisk, threads),
    await selfConfigured(await inMemory(), threads),
  ];
  threads.close();
  expect(expected.size).toBeGreaterThan(20);
  for (const found of others) expect(found).toEqual(expected);
});

/** Every file that comes out, as hashes; few draws, as 10⁸ take long. */
async function selfConfigured(dataset: RawDataset, workers: CaseWorkers): Promise<Map<string, string>> {
  const cases = await Promise.all(
    dataset.cases.map((each) => workers.fingerprint(each, 'NibabelIO', SAMPLES)),
  );
  const fingerprint = await datasetFingerprint(cases, 2, SAMPLES, { surveyor: workers });
  const planned = planDataset({
    name: TINY_DATASET,
    document: dataset.document,
    fingerprint,
    planner: plannerNamed('ExperimentPlanner'),
  });
  const plans = readPlans(plansJson(planned), 'nnUNetPlans.json');
  const target = memoryFolder();
  const configurations = ['2d', '3d_fullres'];
  const startWorkers = () => ({ ...workers, close: () => undefined });
  const { failures } = await preprocessDataset({
    dataset,
    plans,
    configurations,
    folder: target,
    startWorkers,
  });
  expect(failures).toEqual([]);
  const hashes = [...target.contents].map(([name, content]): [string, string] => [name, hash(content)]);
  return new Map([['fingerprint', fingerprintJson(fingerprint)], ...hashes.sort()]);
}

function hash(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

test('an error keeps its name and words, and the thread goes on', async () => {
  const workers = nodeCaseWorkers(1, workerFile);
  const [rawCase] = onDisk.cases;
  const broken = { ...rawCase, label: undefined };
  await expect(workers.fingerprint(broken, 'NibabelIO', 5)).rejects.toMatchObject({
    name: 'MissingFile',
    message: expect.stringMatching(/case_0: its label map is missing/),
  });
  expect((await workers.fingerprint(rawCase, 'NibabelIO', 5)).spacing).toEqual([2, 1, 1]);
  workers.close();
});

test('a thread reads TIFF stacks too', async () => {
  const workers = nodeCaseWorkers(1, workerFile);
  const stack = async (name: string) => {
    const voxels = Uint8Array.from({ length: 60 }, (_, i) => i % 2);
    return memoryFile(await encodeTiff(voxels, [3, 4, 5]), name);
  };
  const images = [await stack('a_0000.tif')];
  const rawCase = {
    caseId: 'a',
    images,
    label: await stack('a.tif'),
    labelPath: 'labelsTr/a.tif',
    missing: [],
  };
  expect((await workers.fingerprint(rawCase, 'Tiff3DIO', 5)).shapeAfterCrop).toEqual([3, 4, 5]);
  workers.close();
});

test('a cancelled call stops at once, and the next one works', async () => {
  const workers = nodeCaseWorkers(1, workerFile);
  const controller = new AbortController();
  const [rawCase] = onDisk.cases;
  // Minutes of draws, with two channels.
  const stopped = workers.fingerprint(rawCase, 'NibabelIO', 1e9, controller.signal);
  setImmediate(() => controller.abort());
  await expect(stopped).rejects.toSatisfy(isAbort);
  // The only thread would be at the first call still, had that gone on.
  expect((await workers.fingerprint(rawCase, 'NibabelIO', 5)).spacing).toEqual([2, 1, 1]);
  workers.close();
});

test('a thread that cannot start is an error, not a wait', async () => {
  const workers = nodeCaseWorkers(1, new URL('absent.mjs', workerFile));
  await expect(workers.fingerprint(onDisk.cases[0], 'NibabelIO', 5)).rejects.toMatchObject({
    name: 'WorkerCrashed',
  });
  workers.close();
});

test('no more than its threads work at a time, and closing ends what waits', async () => {
  let working = 0;
  let most = 0;
  const workers = casePool(2, (tell) => ({
    post: async (request: CaseRequest) => {
      most = Math.max(most, ++working);
      const { answer } = await answerTo(request);
      working--;
      tell.answer(answer);
    },
    terminate: () => undefined,
  }));
  const { cases } = await inMemory();
  await Promise.all(cases.map((each) => workers.fingerprint(each, 'NibabelIO', 5)));
  expect(most).toBe(2);
  const late = Promise.allSettled(cases.map((each) => workers.fingerprint(each, 'NibabelIO', 5)));
  await Promise.resolve();
  workers.close();
  const outcomes = await late;
  expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
});
