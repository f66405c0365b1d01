// Instance norm as training runs it: the statistics of a plane (one channel of one sample) are kept, and every pass over
// the voxels reads them. A plane is cut into chunks, one workgroup each. A prelude names the element type: `lanes` is
// vec4f where planes are whole vectors, f32 elsewhere, `stored` what it is stored as, `total` sums its elements, and it
// says where three things come from: `residualAt`, `sideOf` (which side of the activation a value was on) and `gradientAt`.

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
  base: u32, // lanes before the first plane in the arrays of voxels
  channels: u32,
  elements: u32, // of a plane
}

@group(0) @binding(0) var<storage, read> x: array<stored>;
@group(0) @binding(1) var<storage, read_write> statistics: array<vec2f>; // per plane: mean, 1/σ
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> other: array<stored>; // the residual, or the output
@group(0) @binding(5) var<storage, read> gradient: array<stored>; // with respect to the output
@group(0) @binding(6) var<storage, read_write> y: array<stored>;
@group(0) @binding(7) var<storage, read_write> partials: array<vec4f>; // per plane and chunk
@group(0) @binding(8) var<storage, read_write> sums: array<vec2f>; // per plane: Σ g, Σ g·x̂
@group(0) @binding(9) var<storage, read_write> affineGradient: array<f32>; // per channel
@group(0) @binding(10) var<uniform> sizes: Sizes;

struct Chunk {
  plane: u32, // of all
  index: u32,
  start: u32, // lanes
  end: u32,
  isLive: bool,
}

fn chunkOf(group: vec3u, groups: vec3u) -> Chunk {
  let id = group.y * groups.x + group.x;
  let plane = id / sizes.chunks;
  let index = id % sizes.chunks;
  let offset = sizes.base + plane * sizes.planeLength;
  let end = offset + min((index + 1) * sizes.chunkLength, sizes.planeLength);
  return Chunk(sizes.firstPlane + plane, index, offset + index * sizes.chunkLength, end, plane < sizes.planes);
}

struct Affine {
  mean: f32,
  deviation: f32, // 1/σ
  weight: f32,
  bias: f32,
}

fn affineOf(plane: u32) -> Affine {
  let channel = plane % sizes.channels;
  let moments = statistics[plane];
  return Affine(moments.x, moments.y, weight[channel], bias[channel]);
}

fn normalise(value: lanes, affine: Affine) -> lanes {
  return (value - lanes(affine.mean)) * affine.deviation;
}

fn beforeActivation(xHat: lanes, affine: Affine) -> lanes {
  return xHat * affine.weight + lanes(affine.bias);
}

fn activate(value: lanes) -> lanes {
  return select(negativeSlope * value, value, value > lanes(0.0));
}

var<workgroup> shared_: array<vec2f, workgroupSize>;

fn sumWorkgroup(lane: u32, own: vec2f) -> vec2f {
  shared_[lane] = own;
  workgroupBarrier();
  for (var reach = workgroupSize / 2; reach > 0; reach /= 2) {
    if (lane < reach) { shared_[lane] += shared_[lane + reach]; }
    workgroupBarrier();
  }
  return shared_[0];
}

// One thread per plane: its chunks' moments (count, mean, sum of squared distances) merged as Chan et al. do.
@compute @workgroup_size(workgroupSize)
fn finishStatistics(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let plane = (group.y * groups.x + group.x) * workgroupSize + lane;
  if (plane >= sizes.planes) { return; }
  var moments = vec3f(0.0);
  for (var i = 0u; i < sizes.chunks; i++) {
    let next = partials[plane * sizes.chunks + i].xyz;
    let count = moments.x + next.x;
    let delta = next.y - moments.y;
    let share = next.x / count;
    moments = vec3f(count, moments.y + delta * share, moments.z + next.z + delta * delta * moments.x * share);
  }
  statistics[plane] = vec2f(moments.y, 1.0 / sqrt(moments.z / moments.x + eps));
}

@compute @workgroup_size(workgroupSize)
fn apply(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (!chunk.isLive) { return; }
  let affine = affineOf(chunk.plane);
  for (var i = chunk.start + lane; i < chunk.end; i += workgroupSize) {
    y[i] = stored(activate(beforeActivation(normalise(lanes(x[i]), affine), affine) + residualAt(i)));
  }
}

// The gradient before the activation.
fn gradientBefore(i: u32, xHat: lanes, affine: Affine) -> lanes {
  let gradient = gradientAt(i);
  return select(negativeSlope * gradient, gradient, sideOf(beforeActivation(xHat, affine), i) > lanes(0.0));
}

@compute @workgroup_size(workgroupSize)
fn gradientSums(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (!chunk.isLive) { return; }
  let affine = affineOf(chunk.plane);
  var sum = lanes(0.0);
  var product = lanes(0.0);
  for (var i = chunk.start + lane; i < chunk.end; i += workgroupSize) {
    let xHat = normalise(lanes(x[i]), affine);
    let g = gradientBefore(i, xHat, affine);
    sum += g;
    product += g * xHat;
  }
  let result = sumWorkgroup(lane, vec2f(total(sum), total(product)));
  if (lane == 0) { partials[chunk.plane * sizes.chunks + chunk.index] = vec4f(result, 0.0, 0.0); }
}

// One thread per plane.
@compute @workgroup_size(workgroupSize)
fn finishSums(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let plane = (group.y * groups.x + group.x) * workgroupSize + lane;
  if (plane >= sizes.planes) { return; }
  var sum = vec2f(0.0);
  for (var i = 0u; i < sizes.chunks; i++) { sum += partials[plane * sizes.chunks + i].xy; }
  sums[plane] = sum;
}

@compute @workgroup_size(workgroupSize)
fn inputGradient(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (!chunk.isLive) { return; }
  let affine = affineOf(chunk.plane);
  let mean = sums[chunk.plane] / f32(sizes.elements);
  let scale = affine.weight * affine.deviation;
  for (var i = chunk.start + lane; i < chunk.end; i += workgroupSize) {
    let xHat = normalise(lanes(x[i]), affine);
    y[i] = stored(scale * (gradientBefore(i, xHat, affine) - lanes(mean.x) - xHat * mean.y));
  }
}

// One thread per channel: Σ g (0) or Σ g·x̂ (1) over the batch.
override whichSum: u32;
override adds: bool; // to what is there

@compute @workgroup_size(workgroupSize)
fn affineGradientOf(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let channel = group.x * workgroupSize + lane;
  if (channel >= sizes.channels) { return; }
  var sum = 0.0;
  for (var plane = channel; plane < sizes.planes; plane += sizes.channels) { sum += sums[plane][whichSum]; }
  affineGradient[channel] = select(sum, affineGradient[channel] + sum, adds);
}
