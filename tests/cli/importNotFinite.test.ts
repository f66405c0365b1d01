import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { importModelCommand } from '@/cli/commands/models/importModel';
import { parseOptions } from '@/cli/options';
import { zipPart } from '@/core/io/zipStream';
import { modelFolderFiles, TINY_FOLDER } from '../support/modelFolder';
import { zipped } from '../support/zipped';

let root: string;

beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'nnstudio-'));
  vi.stubEnv('nnUNet_results', path.join(root, 'results'));
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
});

afterAll(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
});

async function importWith(value: number): Promise<number> {
  const files = modelFolderFiles({
    folder: `Dataset001_Tiny/${TINY_FOLDER}`,
    changeCheckpoint: (_, weights) => {
      const [, tensor] = [...weights][0];
      if (tensor.data instanceof Float32Array) tensor.data[0] = value;
    },
  });
  const location = path.join(root, 'model.zip');
  const zip = await zipped(
    files.map((file) => zipPart(file)),
    'model.zip',
  );
  writeFileSync(location, await zip.bytes());
  const options = parseOptions([location], importModelCommand.options);
  return importModelCommand.run(options, new AbortController().signal);
}

test('a model with a weight that is no number is not unpacked', async () => {
  await expect(importWith(Number.NaN)).rejects.toThrow(
    /checkpoint_final\.pth: 1 of the .* is not finite \(NaN\)/,
  );
  expect(existsSync(path.join(root, 'results'))).toBe(false);
  expect(await importWith(0.5)).toBe(0);
  expect(existsSync(path.join(root, 'results', 'Dataset001_Tiny', TINY_FOLDER, 'plans.json'))).toBe(true);
});
