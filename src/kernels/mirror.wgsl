// target[c, z, y, x] = source with the chosen axes reversed, for some channels. One thread per element.

struct Parameters {
  size: vec3u,
  channels: u32,  // of this dispatch
  flip: vec3u,
  base: u32,      // elements before the first channel in both bindings
}

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> destination: array<f32>;
@group(0) @binding(2) var<uniform> p: Parameters;

const WORKGROUP_SIZE = 64u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn mirror(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * WORKGROUP_SIZE + lane;
  let volume = p.size.x * p.size.y * p.size.z;
  if (i >= p.channels * volume) { return; }
  let v = i % volume;
  let at = vec3u(v / (p.size.y * p.size.z), (v / p.size.z) % p.size.y, v % p.size.z);
  let seen = select(at, p.size - 1u - at, p.flip == vec3u(1u));
  let start = p.base + i - v;
  destination[start + v] = source[start + (seen.x * p.size.y + seen.y) * p.size.z + seen.z];
}
