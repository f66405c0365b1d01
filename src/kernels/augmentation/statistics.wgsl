// Mean, sum of squared distances from it, lowest and highest value of a plane. It is cut into chunks, one workgroup
// each, which go over their voxels twice; one workgroup merges what they found, as Chan et al. do.
override chunks: u32;
override chunkLength: u32;
override voxels: u32;
override slot: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
// Per chunk: mean, sum of squared distances, lowest, highest.
@group(0) @binding(1) var<storage, read_write> partials: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> statistics: array<vec4f>;

const WORKGROUP_SIZE = 64u;

// Sum, lowest, highest.
var<workgroup> shared_: array<vec3f, WORKGROUP_SIZE>;

fn mergeWorkgroup(lane: u32, own: vec3f) -> vec3f {
  workgroupBarrier();
  shared_[lane] = own;
  workgroupBarrier();
  for (var reach = WORKGROUP_SIZE / 2u; reach > 0u; reach /= 2u) {
    if (lane < reach) {
      let other = shared_[lane + reach];
      let mine = shared_[lane];
      shared_[lane] = vec3f(mine.x + other.x, min(mine.y, other.y), max(mine.z, other.z));
    }
    workgroupBarrier();
  }
  return shared_[0];
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn ofChunk(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let start = group.x * chunkLength;
  let end = min(start + chunkLength, voxels);
  var own = vec3f(0.0, 3.4028234e38, -3.4028234e38);
  for (var i = start + lane; i < end; i += WORKGROUP_SIZE) {
    own = vec3f(own.x + x[i], min(own.y, x[i]), max(own.z, x[i]));
  }
  let all = mergeWorkgroup(lane, own);
  let mean = all.x / f32(end - start);
  var squares = 0.0;
  for (var i = start + lane; i < end; i += WORKGROUP_SIZE) { squares += (x[i] - mean) * (x[i] - mean); }
  let total = mergeWorkgroup(lane, vec3f(squares, 0.0, 0.0));
  if (lane == 0u) { partials[group.x] = vec4f(mean, total.x, all.y, all.z); }
}

@compute @workgroup_size(1)
fn ofPlane() {
  var count = 0.0;
  var mean = 0.0;
  var squares = 0.0;
  var range = vec2f(3.4028234e38, -3.4028234e38);
  for (var i = 0u; i < chunks; i++) {
    let next = partials[i];
    let nextCount = f32(min((i + 1u) * chunkLength, voxels) - i * chunkLength);
    let delta = next.x - mean;
    let share = nextCount / (count + nextCount);
    squares += next.y + delta * delta * count * share;
    mean += delta * share;
    count += nextCount;
    range = vec2f(min(range.x, next.z), max(range.y, next.w));
  }
  statistics[slot] = vec4f(mean, squares, range);
}
