// Sums of weighted window logits over a ring of slices, and what is done with finished slices.
//
// sums:    [k, ringDepth, rows, width]  f32, slice z of the padded image lives in ring slot z % ringDepth
// weights: [ringDepth, rows, width]     f32, how much importance each voxel has received
// `rows` are the image rows firstRow … firstRow + rows − 1: a block of the image, or all of it.

struct Parameters {
  window: vec3u,       // window size z, y, x
  classes: u32,        // of this group
  start: vec3u,        // the window's first voxel in the padded image
  logitsBase: u32,     // element of `logits` where this group's first class begins
  flip: vec3u,         // 1: the network saw this axis mirrored
  ringDepth: u32,
  firstRow: u32,
  rows: u32,
  width: u32,
  addsWeight: u32,     // 1: this pass also counts the window's importance
  share: f32,          // 1 / (folds · mirrored passes)
  firstSlice: u32,     // for normalise and clear: slices firstSlice … firstSlice + slices − 1
  slices: u32,
}

@group(0) @binding(0) var<storage, read_write> sums: array<f32>;
@group(0) @binding(1) var<storage, read_write> weights: array<f32>;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> importance: array<f32>;
@group(0) @binding(4) var<uniform> p: Parameters;

const WORKGROUP_SIZE = 64u;

fn flatIndex(group: vec3u, groups: vec3u, lane: u32) -> u32 {
  return (group.y * groups.x + group.x) * WORKGROUP_SIZE + lane;
}

// One thread per voxel of the window, all classes of the group.
@compute @workgroup_size(WORKGROUP_SIZE)
fn accumulate(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flatIndex(group, groups, lane);
  let windowSize = p.window.x * p.window.y * p.window.z;
  if (i >= windowSize) { return; }
  let at = vec3u(i / (p.window.y * p.window.z), (i / p.window.z) % p.window.y, i % p.window.z);
  let row = p.start.y + at.y;
  if (row < p.firstRow || row >= p.firstRow + p.rows) { return; }
  let seen = select(at, p.window - 1u - at, p.flip == vec3u(1u));
  let source = p.logitsBase + (seen.x * p.window.y + seen.y) * p.window.z + seen.z;
  let slot = (p.start.x + at.x) % p.ringDepth;
  let destination = (slot * p.rows + row - p.firstRow) * p.width + p.start.z + at.z;
  let weight = importance[i];
  if (p.addsWeight == 1u) { weights[destination] += weight; }
  let perClass = p.ringDepth * p.rows * p.width;
  for (var k = 0u; k < p.classes; k++) {
    sums[k * perClass + destination] += weight * p.share * logits[source + k * windowSize];
  }
}

// Sum → mean logit, in finished slices. One thread per voxel.
@compute @workgroup_size(WORKGROUP_SIZE)
fn normalise(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flatIndex(group, groups, lane);
  let plane = p.rows * p.width;
  if (i >= p.slices * plane) { return; }
  let slot = (p.firstSlice + i / plane) % p.ringDepth;
  let voxel = slot * plane + i % plane;
  let scale = 1.0 / weights[voxel];
  for (var k = 0u; k < p.classes; k++) { sums[k * p.ringDepth * plane + voxel] *= scale; }
}

// Makes ring slots ready for the slices that come next.
@compute @workgroup_size(WORKGROUP_SIZE)
fn clear(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flatIndex(group, groups, lane);
  let plane = p.rows * p.width;
  if (i >= p.slices * plane) { return; }
  let voxel = ((p.firstSlice + i / plane) % p.ringDepth) * plane + i % plane;
  if (p.addsWeight == 1u) { weights[voxel] = 0.0; }
  for (var k = 0u; k < p.classes; k++) { sums[k * p.ringDepth * plane + voxel] = 0.0; }
}
