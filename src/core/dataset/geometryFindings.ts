// Whether an image and its label map lie on one grid, with the numbers where they do not.
import type { MedicalImage } from '@/core/io/medicalImage';
import { placeDifferences } from '@/core/io/placeDifferences';
import type { SourceFile } from '@/core/io/sourceFile';
import { formatXyz } from '@/shared/geometry';
import { allClose } from '@/shared/numeric';
import { error, type Finding, warning } from './findings';

/** Of a case whose label map has one channel, read by nnU-Net's `reader`. Shapes and voxel sizes must agree; nnU-Net leaves the rest to the person. */
export function geometryFindings(
  caseId: string,
  imageFile: SourceFile,
  image: MedicalImage,
  labelFile: SourceFile,
  seg: MedicalImage,
  reader: string,
): readonly Finding[] {
  const findings: Finding[] = [];
  const names = `${imageFile.path} and ${labelFile.path}`;
  if (`${image.shape}` !== `${seg.shape}`) {
    findings.push(
      error(
        `${caseId}: the image is ${formatXyz(image.shape)} voxels (x × y × z), its label map ${formatXyz(seg.shape)} (${names}).`,
        'Export both from the same series, then import again.',
      ),
    );
  }
  if (!allClose(seg.spacing, image.spacing)) {
    findings.push(
      error(
        `${caseId}: voxels of the image are ${formatXyz(image.spacing)} mm (x × y × z), of its label map ${formatXyz(seg.spacing)} mm (${names}).`,
        'Write the same voxel size into both, or resample one to the other.',
      ),
    );
  }
  const differences = placeDifferences(image, seg, ['the image', 'the label map'], reader);
  if (differences.length > 0) {
    findings.push(
      warning(
        `${caseId}: image and label map differ in ${differences.join(', and in ')} (${names}).`,
        'nnU-Net ignores this; look at them together to be sure that they fit.',
      ),
    );
  }
  return findings;
}
