// y = x sampled down to the nearest voxels and up again linearly: each voxel comes from two along each axis. One thread
// per voxel.

struct Parameters { shape: vec3u }

@group(0) @binding(0) var<storage, read> x: array<f32>;
// By axis z, y, x, one after the other: both voxels, and the share of the second as the bits of an f32.
@group(0) @binding(1) var<storage, read> axes: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> p: Parameters;

const WORKGROUP_SIZE = 64u;

fn along(row: u32, taps: vec4u) -> f32 {
  let share = bitcast<f32>(taps.z);
  return x[row + taps.x] * (1.0 - share) + x[row + taps.y] * share;
}

fn ofSlice(slice: u32, inY: vec4u, inX: vec4u) -> f32 {
  let share = bitcast<f32>(inY.z);
  let below = (slice * p.shape.y + inY.x) * p.shape.z;
  let above = (slice * p.shape.y + inY.y) * p.shape.z;
  return along(below, inX) * (1.0 - share) + along(above, inX) * share;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn simulate(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * WORKGROUP_SIZE + lane;
  if (i >= p.shape.x * p.shape.y * p.shape.z) { return; }
  let inZ = axes[i / (p.shape.y * p.shape.z)];
  let inY = axes[p.shape.x + (i / p.shape.z) % p.shape.y];
  let inX = axes[p.shape.x + p.shape.y + i % p.shape.z];
  let share = bitcast<f32>(inZ.z);
  y[i] = ofSlice(inZ.x, inY, inX) * (1.0 - share) + ofSlice(inZ.y, inY, inX) * share;
}
