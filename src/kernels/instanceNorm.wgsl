// In place: values = activation((values − mean) / √(variance + eps) · weight + bias [+ residual]), with mean and biased
// variance over each plane (one channel of one sample). A plane is cut into chunks, one workgroup each. A prelude names
// the element type: `lanes` is vec4f where planes are whole vectors, f32 elsewhere; `stored` is what it is stored as.

override workgroupSize: u32;
override eps: f32;
override negativeSlope: f32; // 1 for no activation

// Sizes are no constants, so that all layers share what is compiled.
struct Sizes {
  planeLength: u32, // lanes
  chunkLength: u32, // lanes
  chunks: u32, // per plane
  planes: u32, // of this dispatch
  firstPlane: u32,
  base: u32, // lanes before the first plane in `values` and `residual`
  channels: u32,
}

@group(0) @binding(0) var<storage, read_write> values: array<stored>;
@group(0) @binding(1) var<storage, read_write> partials: array<vec4f>; // per plane and chunk: count, mean, m2
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<stored>;
@group(0) @binding(5) var<storage, read> runningMean: array<f32>; // per channel
@group(0) @binding(6) var<storage, read> runningVariance: array<f32>;
@group(0) @binding(7) var<uniform> sizes: Sizes;

struct Chunk {
  plane: u32, // within the dispatch
  index: u32,
  start: u32, // lanes
  end: u32,
}

fn chunkOf(group: vec3u, groups: vec3u) -> Chunk {
  let id = group.y * groups.x + group.x;
  let plane = id / sizes.chunks;
  let index = id % sizes.chunks;
  let offset = sizes.base + plane * sizes.planeLength;
  return Chunk(plane, index, offset + index * sizes.chunkLength, offset + min((index + 1) * sizes.chunkLength, sizes.planeLength));
}

// Count, mean and sum of squared distances from the mean of two sets together (Chan et al.).
fn merge(a: vec3f, b: vec3f) -> vec3f {
  let count = a.x + b.x;
  let share = select(0.0, b.x / count, count > 0.0);
  let delta = b.y - a.y;
  return vec3f(count, a.y + delta * share, a.z + b.z + delta * delta * a.x * share);
}

var<workgroup> shared_: array<vec3f, workgroupSize>;

fn mergeWorkgroup(lane: u32, own: vec3f) -> vec3f {
  shared_[lane] = own;
  workgroupBarrier();
  for (var reach = workgroupSize / 2; reach > 0; reach /= 2) {
    if (lane < reach) { shared_[lane] = merge(shared_[lane], shared_[lane + reach]); }
    workgroupBarrier();
  }
  return shared_[0];
}

// Sums of distances from an element of the same stream: exact for a large mean, and since that element is one of the
// summed, cancellation costs no more digits than the stream has elements.
fn chunkMoments(chunk: Chunk, lane: u32) -> vec3f {
  var count = 0.0;
  var sum = lanes(0.0);
  var squares = lanes(0.0);
  let shift = lanes(values[min(chunk.start + lane, chunk.end - 1)]);
  for (var i = chunk.start + lane; i < chunk.end; i += workgroupSize) {
    let distance = lanes(values[i]) - shift;
    sum += distance;
    squares += distance * distance;
    count += 1.0;
  }
  let mean = select(lanes(0.0), sum / count, count > 0.0);
  return mergeWorkgroup(lane, mergeLanes(count, shift + mean, squares - sum * mean));
}

fn planeMoments(plane: u32, lane: u32) -> vec3f {
  var own = vec3f(0.0);
  for (var i = lane; i < sizes.chunks; i += workgroupSize) {
    own = merge(own, partials[(sizes.firstPlane + plane) * sizes.chunks + i].xyz);
  }
  return mergeWorkgroup(lane, own);
}

// As planeMoments, but what batches of training left: batch norm.
fn runningMoments(plane: u32) -> vec3f {
  let channel = (sizes.firstPlane + plane) % sizes.channels;
  return vec3f(1.0, runningMean[channel], runningVariance[channel]);
}

struct Affine {
  mean: f32,
  scale: f32,
  bias: f32,
}

fn affineOf(moments: vec3f, plane: u32) -> Affine {
  let channel = (sizes.firstPlane + plane) % sizes.channels;
  return Affine(moments.y, weight[channel] / sqrt(moments.z / moments.x + eps), bias[channel]);
}

fn normalise(value: lanes, affine: Affine) -> lanes {
  return (value - lanes(affine.mean)) * affine.scale + lanes(affine.bias);
}

fn activate(value: lanes) -> lanes {
  return select(negativeSlope * value, value, value > lanes(0.0));
}

fn applyChunk(chunk: Chunk, lane: u32, affine: Affine) {
  for (var i = chunk.start + lane; i < chunk.end; i += workgroupSize) {
    values[i] = stored(activate(normalise(lanes(values[i]), affine)));
  }
}

fn applyChunkAdding(chunk: Chunk, lane: u32, affine: Affine) {
  for (var i = chunk.start + lane; i < chunk.end; i += workgroupSize) {
    values[i] = stored(activate(normalise(lanes(values[i]), affine) + lanes(residual[i])));
  }
}

// First of two passes: moments of each chunk.
@compute @workgroup_size(workgroupSize)
fn statistics(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (chunk.plane >= sizes.planes) { return; }
  let moments = chunkMoments(chunk, lane);
  if (lane == 0) { partials[(sizes.firstPlane + chunk.plane) * sizes.chunks + chunk.index] = vec4f(moments, 0.0); }
}

// Second pass.
@compute @workgroup_size(workgroupSize)
fn apply(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (chunk.plane >= sizes.planes) { return; }
  applyChunk(chunk, lane, affineOf(planeMoments(chunk.plane, lane), chunk.plane));
}

@compute @workgroup_size(workgroupSize)
fn applyAdding(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (chunk.plane >= sizes.planes) { return; }
  applyChunkAdding(chunk, lane, affineOf(planeMoments(chunk.plane, lane), chunk.plane));
}

// Both passes at once, where a plane is one chunk.
@compute @workgroup_size(workgroupSize)
fn whole(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (chunk.plane >= sizes.planes) { return; }
  applyChunk(chunk, lane, affineOf(chunkMoments(chunk, lane), chunk.plane));
}

@compute @workgroup_size(workgroupSize)
fn wholeAdding(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (chunk.plane >= sizes.planes) { return; }
  applyChunkAdding(chunk, lane, affineOf(chunkMoments(chunk, lane), chunk.plane));
}

// Batch norm by running statistics.
@compute @workgroup_size(workgroupSize)
fn running(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (chunk.plane >= sizes.planes) { return; }
  applyChunk(chunk, lane, affineOf(runningMoments(chunk.plane), chunk.plane));
}

@compute @workgroup_size(workgroupSize)
fn runningAdding(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (chunk.plane >= sizes.planes) { return; }
  applyChunkAdding(chunk, lane, affineOf(runningMoments(chunk.plane), chunk.plane));
}
