// The patch at matrix · (voxel − middle) + centre of the image that was cut: one thread per voxel of the patch. Linear
// sampling with zeros outside for the image; labels by the largest indicator, −1 outside.

struct Parameters {
  // A row of the matrix, and the centre.
  rowZ: vec4f,
  rowY: vec4f,
  rowX: vec4f,
  source: vec3u,
  isNearest: u32,
  patchShape: vec3u,
  // Labels are sampled no nearer to the outside than this.
  border: vec3f,
}

@group(0) @binding(0) var<storage, read> image: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>; // two i16 a word
@group(0) @binding(2) var<storage, read_write> turnedImage: array<f32>;
@group(0) @binding(3) var<storage, read_write> turnedLabels: array<i32>;
@group(0) @binding(4) var<uniform> p: Parameters;

const WORKGROUP_SIZE = 64u;
const OUTSIDE = -1;

fn voxelOf(group: vec3u, groups: vec3u, lane: u32) -> u32 {
  return (group.y * groups.x + group.x) * WORKGROUP_SIZE + lane;
}

fn sourceOf(voxel: u32) -> vec3f {
  let at = vec3u(voxel / (p.patchShape.y * p.patchShape.z), (voxel / p.patchShape.z) % p.patchShape.y, voxel % p.patchShape.z);
  let fromMiddle = vec3f(at) - (vec3f(p.patchShape) - 1.0) * 0.5;
  return vec3f(dot(p.rowZ.xyz, fromMiddle) + p.rowZ.w, dot(p.rowY.xyz, fromMiddle) + p.rowY.w, dot(p.rowX.xyz, fromMiddle) + p.rowX.w);
}

// A corner's voxel and what it counts: nothing outside.
struct Corner { voxel: u32, weight: f32 }

fn cornerOf(at: vec3f, corner: u32) -> Corner {
  let nearby = floor(at) + vec3f(f32(corner >> 2u), f32((corner >> 1u) & 1u), f32(corner & 1u));
  let place = select(nearby, round(at), p.isNearest == 1u);
  let isInside = all(place >= vec3f(0.0)) && all(place < vec3f(p.source));
  let share = 1.0 - abs(at - place);
  let linear = share.x * share.y * share.z;
  let whole = select(0.0, 1.0, corner == 0u);
  if (!isInside) { return Corner(0u, 0.0); }
  let v = vec3u(place);
  return Corner((v.x * p.source.y + v.y) * p.source.z + v.z, select(linear, whole, p.isNearest == 1u));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn turnImage(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let voxel = voxelOf(group, groups, lane);
  if (voxel >= p.patchShape.x * p.patchShape.y * p.patchShape.z) { return; }
  let at = sourceOf(voxel);
  var sum = 0.0;
  for (var i = 0u; i < 8u; i++) {
    let corner = cornerOf(at, i);
    if (corner.weight > 0.0) { sum += corner.weight * image[corner.voxel]; }
  }
  turnedImage[voxel] = sum;
}

fn labelAt(voxel: u32) -> i32 {
  return extractBits(bitcast<i32>(labels[voxel / 2u]), (voxel % 2u) * 16u, 16u);
}

// A number in [0, 2048) as f16 holds it: rounded to 11 bits, halves to even.
fn roundToHalf(value: f32) -> f32 {
  let exponent = max(i32(bitcast<u32>(value) >> 23u) - 127, -14);
  let step = ldexp(1.0, exponent - 10);
  return round(value / step) * step;
}

fn likeliestLabel(at: vec3f) -> i32 {
  var found: array<i32, 8>;
  var weights: array<f32, 8>;
  for (var i = 0u; i < 8u; i++) {
    let corner = cornerOf(at, i);
    weights[i] = corner.weight;
    found[i] = labelAt(corner.voxel);
  }
  var best = OUTSIDE;
  var bestScore = -1.0;
  for (var i = 0u; i < 8u; i++) {
    if (weights[i] == 0.0) { continue; }
    var sum = 0.0;
    for (var j = 0u; j < 8u; j++) { sum += select(0.0, weights[j], found[j] == found[i]); }
    let score = roundToHalf(1000.0 * sum);
    if (score > bestScore || (score == bestScore && found[i] < best)) {
      best = found[i];
      bestScore = score;
    }
  }
  return best;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn turnLabels(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let voxel = voxelOf(group, groups, lane);
  if (voxel >= p.patchShape.x * p.patchShape.y * p.patchShape.z) { return; }
  let at = sourceOf(voxel);
  let fromEnds = min(at, vec3f(p.source) - 1.0 - at);
  turnedLabels[voxel] = OUTSIDE;
  if (all(fromEnds >= p.border)) { turnedLabels[voxel] = likeliestLabel(at); }
}
