// What batch norm does with statistics. Passes over the voxels are the instance norm's; here are a few numbers per channel.

override workgroupSize: u32;
override eps: f32;
override momentum: f32; // share of the batch in the running statistics

// Sizes are no constants, so that all layers share what is compiled.
struct Sizes {
  batch: u32,
  channels: u32,
  chunks: u32, // per plane, which is one channel of one sample
  count: u32, // values of a channel in the batch
}

@group(0) @binding(0) var<storage, read_write> partials: array<vec4f>; // per plane and chunk: count, mean, m2
@group(0) @binding(1) var<storage, read_write> moments: array<vec2f>; // per channel: mean, biased variance
@group(0) @binding(2) var<storage, read_write> planes: array<vec2f>; // per plane: mean and 1/σ, or sums of gradients
@group(0) @binding(3) var<storage, read_write> means: array<vec2f>; // per plane
@group(0) @binding(4) var<storage, read_write> runningMean: array<f32>;
@group(0) @binding(5) var<storage, read_write> runningVariance: array<f32>;
@group(0) @binding(6) var<storage, read_write> batchCount: array<f32>;
@group(0) @binding(7) var<storage, read> control: Control; // the optimiser's
@group(0) @binding(8) var<uniform> sizes: Sizes;

// Count, mean and sum of squared distances from the mean of two sets together (Chan et al.).
fn merge(a: vec3f, b: vec3f) -> vec3f {
  let count = a.x + b.x;
  let share = select(0.0, b.x / count, count > 0.0);
  let delta = b.y - a.y;
  return vec3f(count, a.y + delta * share, a.z + b.z + delta * delta * a.x * share);
}

var<workgroup> shared_: array<vec3f, workgroupSize>;

// One workgroup per channel.
@compute @workgroup_size(workgroupSize)
fn finishMoments(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let channel = group.y * groups.x + group.x;
  if (channel >= sizes.channels) { return; }
  var own = vec3f(0.0);
  for (var i = lane; i < sizes.batch * sizes.chunks; i += workgroupSize) {
    let plane = i / sizes.chunks * sizes.channels + channel;
    own = merge(own, partials[plane * sizes.chunks + i % sizes.chunks].xyz);
  }
  shared_[lane] = own;
  workgroupBarrier();
  for (var reach = workgroupSize / 2; reach > 0; reach /= 2) {
    if (lane < reach) { shared_[lane] = merge(shared_[lane], shared_[lane + reach]); }
    workgroupBarrier();
  }
  if (lane == 0) { moments[channel] = vec2f(shared_[0].y, shared_[0].z / shared_[0].x); }
}

fn threadOf(group: vec3u, groups: vec3u, lane: u32) -> u32 {
  return (group.y * groups.x + group.x) * workgroupSize + lane;
}

// One thread per plane.
@compute @workgroup_size(workgroupSize)
fn statistics(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let plane = threadOf(group, groups, lane);
  if (plane >= sizes.batch * sizes.channels) { return; }
  let channel = plane % sizes.channels;
  var own = moments[channel];
  if (control.isEvaluating != 0.0) { own = vec2f(runningMean[channel], runningVariance[channel]); }
  planes[plane] = vec2f(own.x, 1.0 / sqrt(own.y + eps));
}

// One thread per plane.
@compute @workgroup_size(workgroupSize)
fn gradientMeans(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let plane = threadOf(group, groups, lane);
  if (plane >= sizes.batch * sizes.channels) { return; }
  var sum = vec2f(0.0);
  for (var i = plane % sizes.channels; i < sizes.batch * sizes.channels; i += sizes.channels) { sum += planes[i]; }
  means[plane] = sum / f32(sizes.batch);
}

// One thread per channel.
@compute @workgroup_size(workgroupSize)
fn update(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let channel = threadOf(group, groups, lane);
  if (channel >= sizes.channels || control.isEvaluating != 0.0) { return; }
  let own = moments[channel];
  let unbiased = own.y * (f32(sizes.count) / f32(sizes.count - 1));
  runningMean[channel] = (1.0 - momentum) * runningMean[channel] + momentum * own.x;
  runningVariance[channel] = (1.0 - momentum) * runningVariance[channel] + momentum * unbiased;
  if (channel == 0) { batchCount[0] += 1.0; }
}
