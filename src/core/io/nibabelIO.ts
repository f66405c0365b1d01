import { endingsOfReader } from './formats';
import { volumeReader } from './volumeReader';

const ENDINGS = endingsOfReader('NibabelIO');

/** Follows nnU-Net's `NibabelIO`: 3D, the axes of the file. */
export const nibabelIO = volumeReader(
  { name: 'NibabelIO', library: 'nibabel', reorientsToRas: false },
  ENDINGS,
);

/** Follows nnU-Net's `NibabelIOWithReorient`: 3D, turned to R-A-S, results turned back. */
export const nibabelIOWithReorient = volumeReader(
  { name: 'NibabelIOWithReorient', library: 'nibabel', reorientsToRas: true },
  ENDINGS,
);
