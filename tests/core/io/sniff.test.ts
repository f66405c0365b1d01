import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { writeB2nd } from '@/core/io/blosc2/writeB2nd';
import { writeNpy, writeNpz } from '@/core/io/npy';
import { type FileKind, sniff, sniffFolder } from '@/core/io/sniff';
import { memoryFile } from '@/core/io/sourceFile';
import { writeZip } from '@/core/io/zipStream';
import { niftiFile, niftiHeader } from '../../support/nifti';

function text(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

/** `magic` at `offset`, zeros elsewhere. */
function withMagic(magic: readonly number[] | string, offset = 0): Uint8Array {
  const bytes = new Uint8Array(2000);
  bytes.set(typeof magic === 'string' ? text(magic) : magic, offset);
  return bytes;
}

const scan = niftiFile({ dim: [4, 3, 2] });
const array = { shape: [2], data: new Float32Array(2) };
const safetensorsHeader = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';

const samples: readonly (readonly [string, FileKind, () => Uint8Array | Promise<Uint8Array>])[] = [
  ['NIfTI', 'nifti', () => scan],
  ['NIfTI-2, big-endian', 'nifti', () => niftiFile({ dim: [4, 3, 2], version: 2, littleEndian: false })],
  ['gzipped NIfTI', 'nifti', () => gzipSync(scan)],
  ['the header of a pair', 'nifti-header', () => niftiHeader({ dim: [4, 3, 2] }, true)],
  ['Analyze', 'analyze-header', () => niftiHeader({ dim: [4, 3, 2], magic: '\0\0\0' }, true)],
  ['gzip of something else', 'gzip', () => gzipSync('text')],
  ['broken gzip', 'gzip', () => gzipSync(scan).subarray(0, 12)],
  ['NRRD', 'nrrd', () => text('NRRD0005\ntype: short\n')],
  ['MetaImage', 'metaimage', () => text('ObjectType = Image\nNDims = 3\n')],
  ['DICOM', 'dicom', () => withMagic('DICM', 128)],
  ['DICOM without preamble', 'dicom', () => withMagic([8, 0, 5, 0, 0x43, 0x53, 10, 0])],
  ['PNG', 'png', () => withMagic([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])],
  ['JPEG', 'jpeg', () => withMagic([0xff, 0xd8, 0xff, 0xe0])],
  ['TIFF', 'tiff', () => withMagic('II*\0')],
  ['big-endian TIFF', 'tiff', () => withMagic('MM\0*')],
  ['numpy array', 'numpy', () => writeNpy(array)],
  ['numpy archive', 'numpy-archive', () => writeNpz({ array })],
  ['Blosc2 array', 'blosc2', () => writeB2nd(array)],
  [
    'PyTorch checkpoint',
    'torch-checkpoint',
    () => writeZip([{ path: 'archive/data.pkl', content: text('x'), isCompressed: true }]),
  ],
  [
    'older PyTorch checkpoint',
    'torch-checkpoint',
    () => withMagic([0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]),
  ],
  ['another zip', 'zip', () => writeZip([{ path: 'plans.json', content: text('{}'), isCompressed: true }])],
  [
    'safetensors',
    'safetensors',
    () =>
      Uint8Array.from([
        safetensorsHeader.length,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        ...text(safetensorsHeader),
        0,
        0,
        0,
        0,
      ]),
  ],
  ['ONNX', 'onnx', () => Uint8Array.from([8, 9, 0x12, 7, ...text('pytorch'), 0x3a, 0])],
  ['plans', 'nnunet-plans', () => text('{"dataset_name": "D", "configurations": {}}')],
  [
    'dataset.json',
    'nnunet-dataset',
    () => text(' {"channel_names": {"0": "CT"}, "labels": {"background": 0}}'),
  ],
  [
    'fingerprint',
    'nnunet-fingerprint',
    () => text('{"foreground_intensity_properties_per_channel": {}, "spacings": []}'),
  ],
  ['other JSON', 'json', () => text('[1, 2]')],
  ['nothing', 'empty', () => new Uint8Array(0)],
  ['prose', 'unknown', () => text('{ is how this text begins')],
  ['zeros', 'unknown', () => new Uint8Array(500)],
];

describe('sniff', () => {
  test.each(samples)('%s', async (_, kind, content) => {
    expect(await sniff(memoryFile(await content(), 'file'))).toBe(kind);
  });
});

describe('sniffFolder', () => {
  const folder = (...paths: readonly string[]) => sniffFolder(paths.map((path) => ({ path })));

  test('a results folder, a raw dataset, and anything else', () => {
    expect(
      folder('T__P__3d/plans.json', 'T__P__3d/dataset.json', 'T__P__3d/fold_0/checkpoint_final.pth'),
    ).toBe('nnunet-model');
    expect(folder('plans.json', 'fold_all/checkpoint_best.pth')).toBe('nnunet-model');
    expect(folder('D/dataset.json', 'D/imagesTr/a_0000.nii.gz')).toBe('nnunet-dataset');
    expect(folder('plans.json', 'a.nii.gz')).toBe('other');
  });
});
