import { TensorToSave } from '@/core/interop/torchWriter';
import { newGeometry, writeVolume } from '@/core/io/niftiWriter';
import { writeZip } from '@/core/io/zipStream';
import type { Zyx } from '@/shared/geometry';
import { modelFolderFiles, plansJson, TINY_CONFIGURATION } from '../support/modelFolder';
import { IMAGE_SHAPE, IMAGE_SPACING, phantomImage, phantomVoxels, type Workbench, zipOf } from './files';
import { expect, test } from './studioPage';

interface BadFile {
  readonly what: string;
  /** Returns the files to choose. */
  make(workbench: Workbench): Promise<readonly string[]>;
  readonly message: RegExp;
}

const geometry = newGeometry(IMAGE_SHAPE, IMAGE_SPACING);

async function imageWith(change: (voxels: Float32Array) => void): Promise<Uint8Array> {
  const voxels = phantomVoxels(1, IMAGE_SHAPE);
  change(voxels);
  return writeVolume(voxels, IMAGE_SHAPE, geometry);
}

/** An uncompressed image with 4 bytes of its header changed. */
async function imageWithHeader(offset: number, value: number): Promise<Uint8Array> {
  const bytes = await writeVolume(phantomVoxels(1, IMAGE_SHAPE), IMAGE_SHAPE, geometry, { gzipped: false });
  new DataView(bytes.buffer).setFloat32(offset, value, true);
  return bytes;
}

const PIXDIM_X = 80;
const MAGIC = 344;

const BAD_FILES: readonly BadFile[] = [
  {
    what: 'a truncated gzip',
    make: async (bench) => [bench.write('cut.nii.gz', (await phantomImage()).subarray(0, 4000))],
    message: /cut\.nii\.gz.*(ends|truncated|incomplete)/i,
  },
  {
    what: 'a wrong magic',
    make: async (bench) => [bench.write('magic.nii', await imageWithHeader(MAGIC, 1.1))],
    message: /magic\.nii.*not a NIfTI/i,
  },
  {
    what: 'a zero spacing',
    make: async (bench) => [bench.write('zero.nii', await imageWithHeader(PIXDIM_X, 0))],
    message: /zero\.nii.*voxel size/i,
  },
  {
    what: 'a NaN spacing',
    make: async (bench) => [bench.write('nanspacing.nii', await imageWithHeader(PIXDIM_X, Number.NaN))],
    message: /nanspacing\.nii.*voxel size/i,
  },
  {
    what: 'voxels that are NaN',
    make: async (bench) => [
      bench.write('nan.nii.gz', await imageWith((voxels) => voxels.fill(Number.NaN, 100, 103))),
    ],
    message: /nan\.nii\.gz: 3 voxels are NaN or infinite/,
  },
  {
    what: 'channels of different geometry',
    make: async (bench) => {
      const other: Zyx = [10, 30, 38];
      return [
        bench.write('pair_0000.nii.gz', await phantomImage()),
        bench.write('pair_0001.nii.gz', await phantomImage(2, other)),
      ];
    },
    message: /pair_0001\.nii\.gz is 38 × 30 × 10 voxels.*pair_0000/,
  },
  {
    what: 'a checkpoint without its folder',
    make: async (bench) => {
      const checkpoint = modelFolderFiles().find(({ path }) => path.endsWith('.pth'));
      return [bench.write('checkpoint_final.pth', (await checkpoint?.bytes()) ?? '')];
    },
    message: /checkpoint_final\.pth is a checkpoint without its model folder/,
  },
  {
    what: 'a missing fold',
    make: async (bench) => [
      bench.write(
        'nofold.zip',
        await zipOf(modelFolderFiles().filter(({ path }) => !path.includes('fold_'))),
      ),
    ],
    message: /nofold\.zip.*no fold/i,
  },
  {
    what: 'plans of an unknown architecture',
    make: async (bench) => {
      const architecture = { ...TINY_CONFIGURATION.architecture, network_class_name: 'somewhere.SwinUNETR' };
      const plans = plansJson({ '3d_fullres': { ...TINY_CONFIGURATION, architecture } });
      const files = modelFolderFiles();
      return [
        bench.write(
          'swin.zip',
          await zipOf(
            files.map((file) =>
              file.path.endsWith('plans.json')
                ? { ...file, bytes: async () => new TextEncoder().encode(JSON.stringify(plans)) }
                : file,
            ),
          ),
        ),
      ];
    },
    message: /SwinUNETR/,
  },
  {
    what: 'weights of another shape',
    make: (bench) =>
      bench
        .writeModelZip('misshaped.zip', {
          changeCheckpoint: (_, weights) => {
            const [name] = weights.keys();
            weights.set(name, new TensorToSave(new Float32Array(8), [2, 4]));
          },
        })
        .then((file) => [file]),
    message: /misshaped\.zip.*(shape|2 × 4)/,
  },
  {
    what: 'a pickle with a disallowed global',
    make: async (bench) => {
      // cos\nsystem\n(S'true'\ntR. — a protocol 0 pickle that would call os.system.
      const pickle = new TextEncoder().encode("cos\nsystem\n(S'true'\ntR.");
      const evil = writeZip([{ path: 'checkpoint_final/data.pkl', content: pickle }]);
      const files = modelFolderFiles().map((file) =>
        file.path.endsWith('.pth') ? { ...file, bytes: async () => evil } : file,
      );
      return [bench.write('evil.zip', await zipOf(files))];
    },
    message: /os\.system/,
  },
  {
    what: 'a zip whose paths lead outside',
    make: async (bench) => [
      bench.write(
        'escape.zip',
        writeZip([{ path: '../../plans.json', content: new Uint8Array([123, 125]) }]),
      ),
    ],
    message: /escape\.zip.*\.\./,
  },
  {
    what: 'a zip bomb',
    make: async (bench) => [
      bench.write(
        'bomb.zip',
        writeZip([{ path: 'plans.json', content: new Uint8Array(60_000_000), isCompressed: true }]),
      ),
    ],
    message: /bomb\.zip/,
  },
  {
    what: 'a file of another kind',
    make: async (bench) => [bench.write('notes.txt', 'hello')],
    message: /notes\.txt is not a file nnStudio can read: an image .* or an nnU-Net model/,
  },
];

test('each bad file is answered with its own message, and what was there stays', async ({
  studio,
  workbench,
  page,
}) => {
  await studio.choose(workbench.write('good.nii.gz', await phantomImage()));
  await studio.waitUntilShown();
  for (const { what, make, message } of BAD_FILES) {
    await test.step(what, async () => {
      await studio.choose(await make(workbench));
      const alert = page.getByRole('alert').filter({ hasText: 'Not imported' });
      await expect(alert.first()).toContainText(message);
      await expect(alert.first().getByRole('button', { name: 'Copy details' })).toBeVisible();
      for (let left = await alert.count(); left > 0; left--) {
        await alert.first().getByRole('button', { name: 'Dismiss' }).click();
      }
      await expect(page.getByRole('region', { name: 'Cases' }).getByRole('listitem')).toHaveCount(1);
    });
  }
});

test('an image smaller than the patch is segmented', async ({ studio, workbench }) => {
  const image = workbench.write('small_0000.nii.gz', await phantomImage(1, [3, 9, 11]));
  await studio.choose([image, await workbench.writeModelZip('tiny.zip')]);
  await studio.waitUntilShown();
  await studio.segment();
});
