// y = x + strength · Σ (x − neighbour) over both neighbours along each axis; past the border the voxel itself. One thread
// per voxel.

struct Parameters { shape: vec3u, strength: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Parameters;

const WORKGROUP_SIZE = 64u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn sharpen(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * WORKGROUP_SIZE + lane;
  if (i >= p.shape.x * p.shape.y * p.shape.z) { return; }
  let at = vec3u(i / (p.shape.y * p.shape.z), (i / p.shape.z) % p.shape.y, i % p.shape.z);
  let strides = vec3u(p.shape.y * p.shape.z, p.shape.z, 1u);
  let value = x[i];
  var difference = 0.0;
  for (var axis = 0u; axis < 3u; axis++) {
    if (at[axis] > 0u) { difference += value - x[i - strides[axis]]; }
    if (at[axis] + 1u < p.shape[axis]) { difference += value - x[i + strides[axis]]; }
  }
  y[i] = value + p.strength * difference;
}
