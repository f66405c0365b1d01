import { describe, expect, test } from 'vitest';
import { savedSegmentation } from '@/app/segment/saveResults';
import { newGeometry, writeSegmentation } from '@/core/io/niftiWriter';
import { encodePng } from '@/core/io/png';
import { readAsStored, writeCase } from '@/core/io/readers';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import type { CaseFileStore } from '@/storage/caseFiles';
import { type CaseRecord, SEGMENTATION_FILE } from '@/storage/caseRecord';

const LABELS = Uint8Array.from({ length: 24 }, (_, i) => i % 3);

/** A case of one image, segmented. */
async function segmented(image: SourceFile) {
  const { geometry, shape } = await readAsStored([image]);
  const segmentation = memoryFile(await writeSegmentation(LABELS, shape, geometry), SEGMENTATION_FILE);
  const caseFiles: Pick<CaseFileStore, 'open'> = {
    open: async (_, name) => (name === SEGMENTATION_FILE ? segmentation : image),
  };
  const record: Pick<CaseRecord, 'id' | 'caseId' | 'files'> = {
    id: '1',
    caseId: 'scan',
    files: [image.path],
  };
  return savedSegmentation(caseFiles as CaseFileStore, record as CaseRecord);
}

describe('a saved segmentation', () => {
  test.each([
    ['.png', [1, 4, 6]],
    ['.bmp', [1, 4, 6]],
    ['.nrrd', [2, 3, 4]],
    ['.mha', [2, 3, 4]],
    ['.nii.gz', [2, 3, 4]],
  ] as const)('has the format of its image: %s', async (ending, shape) => {
    const geometry =
      ending === '.png' || ending === '.bmp'
        ? (await readAsStored([memoryFile(await encodePng(new Uint8Array(24), 6, 4), 'a.png')])).geometry
        : newGeometry(shape, [1, 1, 1]);
    const [{ content }] = await writeCase(new Uint8Array(24).fill(9), shape, geometry, { ending });
    const saved = await segmented(memoryFile(content, `scan${ending}`));
    expect(saved.name).toBe(`scan${ending}`);
    const bytes = new Uint8Array(await saved.content.arrayBuffer());
    expect([...(await readAsStored([memoryFile(bytes, saved.name)])).data]).toEqual([...LABELS]);
  });
});
