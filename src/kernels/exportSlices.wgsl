// Finished logits on the network's grid → labels, or logits, on the case's own grid, a few slices at a time.
// Linear interpolation per axis from tables made on the host in f64: [lower…, upper…, weight of upper (f32 bits)…].
// Nearest neighbour is the same with weight 0.

struct Parameters {
  outSize: vec3u,      // z, y, x of this chunk
  classes: u32,
  outStart: vec3u,     // the chunk's first voxel on the case's grid
  firstClass: u32,
  gridSize: vec3u,     // the case's whole grid, as the tables count it
  ringDepth: u32,
  firstRow: u32,
  rows: u32,
  width: u32,
  startsAnew: u32,     // 1: first group of classes, nothing has been compared yet
}

@group(0) @binding(0) var<storage, read> means: array<f32>;          // [k, ringDepth, rows, width]
@group(0) @binding(1) var<storage, read> tables: array<u32>;
@group(0) @binding(2) var<storage, read_write> best: array<f32>;     // chunk: largest logit so far; or the logits asked for
@group(0) @binding(3) var<storage, read_write> labels: array<u32>;   // chunk
@group(0) @binding(4) var<storage, read> labelOfClass: array<u32>;
@group(0) @binding(5) var<uniform> p: Parameters;

const WORKGROUP_SIZE = 64u;

struct Tap { lower: u32, upper: u32, weight: f32 }

fn tap(tableStart: u32, count: u32, i: u32) -> Tap {
  return Tap(tables[tableStart + i], tables[tableStart + count + i], bitcast<f32>(tables[tableStart + 2u * count + i]));
}

struct Taps { z: Tap, y: Tap, x: Tap }

fn tapsAt(i: u32) -> Taps {
  let at = p.outStart + vec3u(i / (p.outSize.y * p.outSize.z), (i / p.outSize.z) % p.outSize.y, i % p.outSize.z);
  let yTable = 3u * p.gridSize.x;
  let xTable = yTable + 3u * p.gridSize.y;
  return Taps(tap(0u, p.gridSize.x, at.x), tap(yTable, p.gridSize.y, at.y), tap(xTable, p.gridSize.z, at.z));
}

fn alongX(lineStart: u32, x: Tap) -> f32 {
  return mix(means[lineStart + x.lower], means[lineStart + x.upper], x.weight);
}

fn inSlice(sliceStart: u32, y: Tap, x: Tap) -> f32 {
  let lower = sliceStart + (y.lower - p.firstRow) * p.width;
  let upper = sliceStart + (y.upper - p.firstRow) * p.width;
  return mix(alongX(lower, x), alongX(upper, x), y.weight);
}

fn logitAt(k: u32, taps: Taps) -> f32 {
  let plane = p.rows * p.width;
  let classStart = k * p.ringDepth * plane;
  let lower = inSlice(classStart + (taps.z.lower % p.ringDepth) * plane, taps.y, taps.x);
  if (taps.z.weight == 0.0) { return lower; }
  return mix(lower, inSlice(classStart + (taps.z.upper % p.ringDepth) * plane, taps.y, taps.x), taps.z.weight);
}

// Label of a voxel with a logit that is NaN or infinite. By its bits: compilers may take it that there is no NaN.
const NOT_FINITE = 0xffffffffu;

fn isFinite(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}

fn flatIndex(group: vec3u, groups: vec3u, lane: u32) -> u32 {
  return (group.y * groups.x + group.x) * WORKGROUP_SIZE + lane;
}

// The class with the largest logit, the first of equals (softmax does not change the order).
@compute @workgroup_size(WORKGROUP_SIZE)
fn argmax(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flatIndex(group, groups, lane);
  if (i >= p.outSize.x * p.outSize.y * p.outSize.z) { return; }
  let taps = tapsAt(i);
  var largest = best[i];
  var label = labels[i];
  var areFinite = p.startsAnew == 1u || label != NOT_FINITE;
  for (var k = 0u; k < p.classes; k++) {
    let logit = logitAt(k, taps);
    areFinite = areFinite && isFinite(logit);
    if ((p.startsAnew == 1u && k == 0u) || logit > largest) {
      largest = logit;
      label = labelOfClass[p.firstClass + k];
    }
  }
  best[i] = largest;
  labels[i] = select(NOT_FINITE, label, areFinite);
}

// Regions: each whose sigmoid exceeds one half (logit > 0) writes its label, later ones over earlier ones.
@compute @workgroup_size(WORKGROUP_SIZE)
fn regions(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flatIndex(group, groups, lane);
  if (i >= p.outSize.x * p.outSize.y * p.outSize.z) { return; }
  let taps = tapsAt(i);
  var label = select(labels[i], 0u, p.startsAnew == 1u);
  var areFinite = label != NOT_FINITE;
  for (var k = 0u; k < p.classes; k++) {
    let logit = logitAt(k, taps);
    areFinite = areFinite && isFinite(logit);
    if (logit > 0.0) { label = labelOfClass[p.firstClass + k]; }
  }
  labels[i] = select(NOT_FINITE, label, areFinite);
}

// The logits themselves, of the group's class number `firstClass`.
@compute @workgroup_size(WORKGROUP_SIZE)
fn logits(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flatIndex(group, groups, lane);
  if (i >= p.outSize.x * p.outSize.y * p.outSize.z) { return; }
  best[i] = logitAt(p.firstClass, tapsAt(i));
}
