// Only the voxels of the largest losses count in the cross entropy: all losses are kept, to be ranked.

@group(0) @binding(7) var<storage, read_write> voxelLosses: array<f32>; // [n, voxels]

const SMALLEST_LOSS = 1e-30; // some devices flush smaller numbers to zero, and then not everywhere

fn keepLoss(sample: u32, voxel: u32, loss: f32) {
  voxelLosses[lossIndex(sample, voxel)] = select(loss, 0.0, loss < SMALLEST_LOSS);
}

// Equals of the smallest loss that counts share the places left to them.
fn lossShare(sample: u32, voxel: u32) -> f32 {
  let loss = voxelLosses[lossIndex(sample, voxel)];
  let threshold = coefficients[1];
  return coefficients[0] * select(select(0.0, coefficients[2], loss == threshold), 1.0, loss > threshold);
}
