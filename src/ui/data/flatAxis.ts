/** Values along z, y, x without the z of a picture: nnU-Net gives it one slice of an invented thickness, 999 mm. */
export function withoutFlatAxis(zyx: readonly number[], shape: readonly number[]): readonly number[] {
  return shape[0] === 1 ? zyx.slice(1) : zyx;
}
