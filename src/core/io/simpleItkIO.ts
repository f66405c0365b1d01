import { endingsOfReader } from './formats';
import { volumeReader } from './volumeReader';

const ENDINGS = endingsOfReader('SimpleITKIO');

/** Follows nnU-Net's `SimpleITKIO`: 2D, 3D, and 4D with channels last; the axes of the file. */
export const simpleItkIO = volumeReader(
  { name: 'SimpleITKIO', library: 'SimpleITK', reorientsToRas: false },
  ENDINGS,
);

/** Follows nnU-Net's `SimpleITKIOWithReorient`: 3D, turned to R-A-S, results turned back. */
export const simpleItkIOWithReorient = volumeReader(
  { name: 'SimpleITKIOWithReorient', library: 'SimpleITK', reorientsToRas: true },
  ENDINGS,
);
