import { isPicture } from '@/app/files/picture';
import { formatXyz } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import type { CaseRecord, StoredImageFacts } from '@/storage/caseRecord';
import styles from './segment.module.css';

function PictureSize({ shape }: StoredImageFacts) {
  return (
    <>
      <dt>Pixels</dt>
      <dd>{formatXyz(shape.slice(1))}</dd>
    </>
  );
}

function VolumeSize({ shape, spacing, orientation }: StoredImageFacts) {
  const extent = shape.map((size, axis) => size * spacing[axis]);
  return (
    <>
      <dt>Voxels</dt>
      <dd>{formatXyz(shape)}</dd>
      <dt>Voxel size</dt>
      <dd>{formatXyz(spacing, 3)} mm</dd>
      <dt>Extent</dt>
      <dd>{formatXyz(extent, 0)} mm</dd>
      <dt title="Where x, y and z of the file grow to: Right or Left, Anterior or Posterior, Superior or Inferior">
        Orientation
      </dt>
      <dd>{orientation ?? 'not given'}</dd>
    </>
  );
}

/** Facts of the image, x first as viewers count. */
export function ImagePanel({ current }: { current: CaseRecord }) {
  const { channels, voxelType, sizeInBytes } = current.image;
  return (
    <section className={styles.section} aria-label="Image">
      <h2 className={styles.heading}>Image</h2>
      <dl className={styles.facts}>
        {isPicture(current.image) ? <PictureSize {...current.image} /> : <VolumeSize {...current.image} />}
        <dt>Channels</dt>
        <dd>{channels}</dd>
        <dt>Stored as</dt>
        <dd>{voxelType}</dd>
        <dt>File size</dt>
        <dd>{formatBytes(sizeInBytes)}</dd>
        <dt>{current.files.length === 1 ? 'File' : 'Files'}</dt>
        <dd style={{ overflowWrap: 'anywhere' }}>{current.files.join(', ')}</dd>
      </dl>
    </section>
  );
}
