// Transforms of single voxels, in place: one thread each.

struct Parameters {
  voxels: u32,
  // Of a channel's first voxel in the image.
  firstElement: u32,
  key: u32,
  // Clips to the range (contrast); keeps mean and deviation (gamma).
  keeps: u32,
  factor: f32,
  // −1 for a negative image.
  sign: f32,
  epsilon: f32,
  // Of a local kernel: its smallest product.
  lowest: f32,
  shape: vec3u,
}

// Mean, sum of squared distances from it, lowest, highest.
struct Statistics { before: vec4f, after: vec4f }

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read> statistics: Statistics;
// A local kernel along z, y, x, one after the other.
@group(0) @binding(2) var<storage, read> kernelAxes: array<f32>;
@group(0) @binding(3) var<uniform> p: Parameters;

const WORKGROUP_SIZE = 64u;
const SECOND_STREAM = 0x5bd1e995u;

fn voxelOf(group: vec3u, groups: vec3u, lane: u32) -> u32 {
  return (group.y * groups.x + group.x) * WORKGROUP_SIZE + lane;
}

fn mixBits(bits: u32) -> u32 {
  var mixed = (bits ^ (bits >> 16u)) * 0x85ebca6bu;
  mixed = (mixed ^ (mixed >> 13u)) * 0xc2b2ae35u;
  return mixed ^ (mixed >> 16u);
}

// Inside (0, 1).
fn uniformOf(bits: u32) -> f32 {
  return (f32(bits >> 9u) + 0.5) / 8388608.0;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn addNoise(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = voxelOf(group, groups, lane);
  if (i >= p.voxels) { return; }
  let element = p.firstElement + i;
  let radius = sqrt(-2.0 * accurateLog(uniformOf(mixBits(mixBits(element) + p.key))));
  let turns = uniformOf(mixBits(mixBits(element ^ SECOND_STREAM) + p.key));
  x[i] += p.factor * (radius * accurateCosine(turns));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn scale(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = voxelOf(group, groups, lane);
  if (i >= p.voxels) { return; }
  x[i] *= p.factor;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn contrast(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = voxelOf(group, groups, lane);
  if (i >= p.voxels) { return; }
  let before = statistics.before;
  let value = (x[i] - before.x) * p.factor + before.x;
  x[i] = select(value, clamp(value, before.z, before.w), p.keeps == 1u);
}

// Leaves a negative image negative: gammaFinish turns it back.
@compute @workgroup_size(WORKGROUP_SIZE)
fn gammaPower(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = voxelOf(group, groups, lane);
  if (i >= p.voxels) { return; }
  let lowest = select(statistics.before.z, -statistics.before.w, p.sign < 0.0);
  let range = statistics.before.w - statistics.before.z;
  x[i] = accuratePow((p.sign * x[i] - lowest) / max(range, p.epsilon), p.factor) * range + lowest;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn gammaFinish(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = voxelOf(group, groups, lane);
  if (i >= p.voxels) { return; }
  let after = statistics.after;
  // The ratio of deviations: of both, the divisor is the same.
  let smallest = p.epsilon * p.epsilon * f32(p.voxels - 1u);
  let scale = sqrt(statistics.before.y / max(after.y, smallest));
  let kept = (x[i] - after.x) * scale + p.sign * statistics.before.x;
  x[i] = p.sign * select(x[i], kept, p.keeps == 1u);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn shift(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = voxelOf(group, groups, lane);
  if (i >= p.voxels) { return; }
  x[i] += p.factor;
}

fn localWeight(i: u32) -> f32 {
  let z = kernelAxes[i / (p.shape.y * p.shape.z)];
  let y = kernelAxes[p.shape.x + (i / p.shape.z) % p.shape.y];
  let x = kernelAxes[p.shape.x + p.shape.y + i % p.shape.z];
  if (p.lowest == 1.0) { return 0.0; }
  return (z * y * x - p.lowest) / (1.0 - p.lowest);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn addGradient(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = voxelOf(group, groups, lane);
  if (i >= p.voxels) { return; }
  x[i] += p.factor * localWeight(i);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn localGamma(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = voxelOf(group, groups, lane);
  if (i >= p.voxels) { return; }
  let lowest = statistics.before.z;
  let range = max(statistics.before.w - lowest, p.epsilon);
  let weight = localWeight(i);
  let value = (x[i] - lowest) / range;
  x[i] = (value * (1.0 - weight) + accuratePow(value, p.factor) * weight) * range + lowest;
}
