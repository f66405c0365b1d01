import { describe, expect, test } from 'vitest';
import { displayLabels, labelCenters, plainLabelMap } from '@/app/files/displayLabels';
import { displayVolume } from '@/app/files/displayVolume';
import type { ImageGeometry, MedicalImage } from '@/core/io/medicalImage';
import { newGeometry } from '@/core/io/niftiWriter';
import { writeCase } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import { elementCount, type Zyx } from '@/shared/geometry';

function image(shape: Zyx, geometry: ImageGeometry, data?: Float32Array): MedicalImage {
  const size = elementCount(shape);
  return {
    data: data ?? Float32Array.from({ length: size }, (_, i) => i),
    channels: (data?.length ?? size) / size,
    shape,
    spacing: [999, 1, 1],
    geometry,
    warnings: [],
  };
}

describe('what the viewer is given of an image', () => {
  test('whole numbers as 16 bits, others as they are, the channel that is asked for', () => {
    const data = Float32Array.from([1, 2, 3, 4, 0.5, -2, 3, 40_000]);
    const volume = image([1, 2, 2], newGeometry([1, 2, 2], [1, 1, 1]), data);
    expect(displayVolume(volume, 0)).toMatchObject({ shape: [2, 2, 1], voxels: Int16Array.of(1, 2, 3, 4) });
    expect(displayVolume(volume, 1).voxels).toEqual(data.subarray(4));
  });

  test('a picture has neither millimetres nor sides, and its colours are one', () => {
    const shape: Zyx = [1, 1, 2];
    const picture = image(shape, { format: 'picture', kind: 'png' }, Float32Array.of(255, 1, 128, 2, 0, 3));
    expect(displayVolume(picture, 'color')).toMatchObject({
      isOriented: false,
      hasMillimetres: false,
      voxels: Uint8Array.of(255, 128, 0, 255, 1, 2, 3, 255),
    });
    const deep = image(shape, { format: 'picture', kind: 'tiff' }, Float32Array.of(65535, 0, 65535, 0, 0, 0));
    expect(displayVolume(deep, 'color').voxels.slice(0, 4)).toEqual(Uint8Array.of(255, 255, 0, 255));
  });

  test('what the file says of its place is told apart from what is assumed', () => {
    const place = (geometry: ImageGeometry, shape: Zyx = [3, 4, 5]) => {
      const { isOriented, hasMillimetres } = displayVolume(image(shape, geometry), 0);
      return { isOriented, hasMillimetres };
    };
    const known = newGeometry([3, 4, 5], [1, 1, 1]);
    expect(place(known)).toEqual({ isOriented: true, hasMillimetres: true });
    expect(place({ format: 'tiff-stack', spacing: [3, 1, 1] })).toEqual({
      isOriented: false,
      hasMillimetres: true,
    });
    const slice = { ...newGeometry([1, 4, 5], [1, 1, 1]) };
    new DataView(slice.header.buffer, slice.header.byteOffset).setInt32(252, 0); // qform and sform codes
    expect(place(slice, [1, 4, 5])).toEqual({ isOriented: false, hasMillimetres: false });
  });
});

describe('labels for the viewer', () => {
  const shape: Zyx = [2, 3, 4];
  const geometry = newGeometry(shape, [1, 1, 1]);

  test('keep every value up to 65,535, as they were written and from any format', async () => {
    const labels = Uint16Array.from({ length: 24 }, (_, i) => [0, 1, 300, 65535][i % 4]);
    const [{ content }] = await writeCase(labels, shape, geometry, { ending: '.nii.gz' });
    const written = await displayLabels(memoryFile(content, 'labels.nii.gz'));
    expect(written.voxels).toEqual(labels);
    const plain = await displayLabels(
      plainLabelMap(image(shape, geometry, Float32Array.from(labels)), 'labels'),
    );
    expect(plain.voxels).toEqual(labels);
    expect(plain.affine).toEqual(written.affine);
  });

  test('a label is found at its voxel nearest to its centre of gravity', () => {
    const map = new Uint16Array(7);
    map.set([7, 7, 0, 300, 0, 7, 7]);
    expect(labelCenters(map, [7, 1, 1])).toEqual({ 7: [1, 0, 0], 300: [3, 0, 0] });
  });
});
