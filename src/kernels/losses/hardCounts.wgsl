// Adds the hard counts of a batch to running ones: true positives, false positives and false negatives of each class.
// A workgroup counts a chunk on its own first; sums of integers do not depend on their order.

const MOST_CLASSES = 256u;

@group(0) @binding(6) var<storage, read_write> counts: array<atomic<u32>>; // [3, k]
// Where a dispatch sees some classes of one sample: of each of its voxels the largest logit so far, and its class.
@group(0) @binding(7) var<storage, read_write> states: array<vec4f>;

var<workgroup> own: array<atomic<u32>, 3 * MOST_CLASSES>;

fn addOne(kind: u32, class_: u32) { atomicAdd(&own[kind * MOST_CLASSES + class_], 1u); }

fn addPrediction(predicted: u32, label: u32) {
  if (predicted == label) {
    addOne(0, label);
  } else {
    addOne(1, predicted);
    addOne(2, label);
  }
}

fn flush(lane: u32) {
  workgroupBarrier();
  for (var i = lane; i < 3 * sizes.classes; i += LANES) {
    let found = atomicLoad(&own[(i / sizes.classes) * MOST_CLASSES + i % sizes.classes]);
    if (found > 0) { atomicAdd(&counts[i], found); }
  }
}

// The predicted class is the first of the largest logits.
@compute @workgroup_size(LANES)
fn countLabels(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (chunk.sample >= sizes.samples) { return; }
  for (var voxel = chunk.start + lane; voxel < chunk.end; voxel += LANES) {
    let label = labelOf(chunk.sample, voxel);
    if (label == sizes.ignored) { continue; }
    let first = logitsOf(chunk.sample, voxel);
    var predicted = 0u;
    var largest = f32(logits[first]);
    for (var c = 1u; c < sizes.classes; c++) {
      let logit = f32(logits[first + c * sizes.voxels]);
      if (logit > largest) {
        largest = logit;
        predicted = c;
      }
    }
    addPrediction(predicted, label);
  }
  flush(lane);
}

// Goes on with the next classes; one thread per voxel.
@compute @workgroup_size(LANES)
fn predict(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let place = placeOf(group, groups, lane);
  if (!place.isInside) { return; }
  let i = place.voxel - sizes.firstVoxel;
  let first = logitsOf(0, place.voxel);
  var largest = f32(logits[first]);
  var predicted = 0u;
  if (sizes.firstClass > 0) {
    largest = states[i].x;
    predicted = u32(states[i].y);
  }
  for (var c = 0u; c < sizes.classCount; c++) {
    let logit = f32(logits[first + c * sizes.voxels]);
    if (logit > largest) {
      largest = logit;
      predicted = sizes.firstClass + c;
    }
  }
  states[i] = vec4f(largest, f32(predicted), 0.0, 0.0);
}

// What was predicted from all classes.
@compute @workgroup_size(LANES)
fn countPredicted(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (chunk.sample >= sizes.samples) { return; }
  for (var voxel = chunk.start + lane; voxel < chunk.end; voxel += LANES) {
    let label = labelOf(0, voxel);
    if (label == sizes.ignored) { continue; }
    addPrediction(u32(states[voxel - sizes.firstVoxel].y), label);
  }
  flush(lane);
}

// A region is predicted where its probability exceeds one half: where its logit is positive.
@compute @workgroup_size(LANES)
fn countRegions(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (chunk.sample >= sizes.samples) { return; }
  for (var voxel = chunk.start + lane; voxel < chunk.end; voxel += LANES) {
    if (isIgnoredRegion(chunk.sample, voxel)) { continue; }
    for (var i = 0u; i < sizes.classCount; i++) {
      let c = sizes.firstClass + i;
      let isPredicted = f32(logits[logitsOf(chunk.sample, voxel) + i * sizes.voxels]) > 0.0;
      let isInside = regionBit(chunk.sample, voxel, c);
      if (isPredicted && isInside) { addOne(0, c); }
      if (isPredicted && !isInside) { addOne(1, c); }
      if (!isPredicted && isInside) { addOne(2, c); }
    }
  }
  flush(lane);
}
