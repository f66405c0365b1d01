// The k-th largest voxel loss, byte by byte from the highest: bits of non-negative floats sort as the floats do. Integer
// atomics count alike in any order.

override shift: u32; // of the byte in question

@group(0) @binding(6) var<storage, read_write> ranking: array<atomic<u32>>; // threshold so far, places left, equals; histogram of 256 bytes
@group(0) @binding(7) var<storage, read_write> voxelLosses: array<f32>; // [n, voxels]

const RANKING_HEADER = 4u;
const BYTES = 256u;

var<workgroup> histogram: array<atomic<u32>, BYTES>;

@compute @workgroup_size(LANES)
fn start(@builtin(local_invocation_index) lane: u32) {
  for (var byte = lane; byte < BYTES; byte += LANES) { atomicStore(&ranking[RANKING_HEADER + byte], 0); }
  if (lane == 0) {
    atomicStore(&ranking[0], 0);
    atomicStore(&ranking[1], sizes.ranked);
    atomicStore(&ranking[2], 0);
  }
}

// Counts a byte of the losses whose higher bytes are those of the threshold.
@compute @workgroup_size(LANES)
fn count(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (chunk.sample >= sizes.samples) { return; }
  let threshold = atomicLoad(&ranking[0]);
  for (var voxel = chunk.start + lane; voxel < chunk.end; voxel += LANES) {
    let bits = bitcast<u32>(voxelLosses[lossIndex(chunk.sample, voxel)]);
    if ((((bits ^ threshold) >> shift) >> 8) == 0) { atomicAdd(&histogram[(bits >> shift) & 255], 1u); }
  }
  workgroupBarrier();
  for (var byte = lane; byte < BYTES; byte += LANES) {
    let found = atomicLoad(&histogram[byte]);
    if (found > 0) { atomicAdd(&ranking[RANKING_HEADER + byte], found); }
  }
}

// From the highest byte down until the places are filled. One workgroup, which leaves the histogram empty.
@compute @workgroup_size(LANES)
fn pick(@builtin(local_invocation_index) lane: u32) {
  if (lane == 0) {
    var left = atomicLoad(&ranking[1]);
    var byte = BYTES - 1;
    var found = atomicLoad(&ranking[RANKING_HEADER + byte]);
    while (found < left && byte > 0) {
      left -= found;
      byte--;
      found = atomicLoad(&ranking[RANKING_HEADER + byte]);
    }
    atomicOr(&ranking[0], byte << shift);
    atomicStore(&ranking[1], left);
    atomicStore(&ranking[2], found);
  }
  storageBarrier();
  for (var byte = lane; byte < BYTES; byte += LANES) { atomicStore(&ranking[RANKING_HEADER + byte], 0); }
}

// In place of a chunk's cross entropy: that of its losses above the threshold.
@compute @workgroup_size(LANES)
fn addAbove(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (chunk.sample >= sizes.samples) { return; }
  let threshold = atomicLoad(&ranking[0]);
  var own = 0.0;
  for (var voxel = chunk.start + lane; voxel < chunk.end; voxel += LANES) {
    let loss = voxelLosses[lossIndex(chunk.sample, voxel)];
    if (bitcast<u32>(loss) > threshold) { own += loss; }
  }
  let sum = sumWorkgroup(lane, vec3f(own, 0.0, 0.0));
  if (lane == 0) { partials[rowOf(chunk) + sizes.columns - 2] = sum.x; }
}
