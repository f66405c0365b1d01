// What the network is fed: a finished channel, flipped, zero outside the image where it is masked. One thread per voxel.
// A prelude names what the input is stored as.

struct Parameters {
  shape: vec3u,
  // Element of the bound range at which the channel begins.
  base: u32,
  flip: vec3u,
  isMasked: u32,
  // The image may be flipped already, labels never are.
  labelFlip: vec3u,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read_write> fed: array<stored>;
@group(0) @binding(3) var<uniform> p: Parameters;

const WORKGROUP_SIZE = 64u;

fn flipped(at: vec3u, flip: vec3u) -> u32 {
  let seen = select(at, p.shape - 1u - at, flip == vec3u(1u));
  return (seen.x * p.shape.y + seen.y) * p.shape.z + seen.z;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn feedChannel(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * WORKGROUP_SIZE + lane;
  if (i >= p.shape.x * p.shape.y * p.shape.z) { return; }
  let at = vec3u(i / (p.shape.y * p.shape.z), (i / p.shape.z) % p.shape.y, i % p.shape.z);
  let isHidden = p.isMasked == 1u && labels[flipped(at, p.labelFlip)] < 0;
  fed[p.base + i] = stored(select(x[flipped(at, p.flip)], 0.0, isHidden));
}
