// The softmax losses where a dispatch sees some classes of one sample. What a voxel's classes add up to is carried from one
// group of classes to the next, in their order, so that the sums are those of labelLoss.wgsl.

// Of each voxel of the dispatch: largest logit (NaN if one is not finite); sum of exponentials; then, for the statistics,
// sum of distances from the largest and the label's own distance, for the gradient, sum of weighted exponentials.
@group(0) @binding(6) var<storage, read_write> states: array<vec4f>;

fn logitAt(class_: u32, voxel: u32) -> f32 {
  return f32(logits[logitsOf(0, voxel) + class_ * sizes.voxels]);
}

// One thread per voxel. Begins anew with the first class.
@compute @workgroup_size(LANES)
fn findLargest(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let place = placeOf(group, groups, lane);
  if (!place.isInside) { return; }
  let i = place.voxel - sizes.firstVoxel;
  var largest = logitAt(0, place.voxel);
  if (sizes.firstClass > 0) {
    largest = states[i].x;
    if (!isFinite(largest)) { return; }
  }
  for (var c = 0u; c < sizes.classCount; c++) {
    let logit = logitAt(c, place.voxel);
    if (!isFinite(logit)) {
      largest = notANumber(logit);
      break;
    }
    largest = max(largest, logit);
  }
  states[i] = vec4f(largest, 0.0, 0.0, 0.0);
}

// One thread per voxel.
@compute @workgroup_size(LANES)
fn addDistances(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let place = placeOf(group, groups, lane);
  if (!place.isInside) { return; }
  let i = place.voxel - sizes.firstVoxel;
  let label = labelOf(0, place.voxel);
  var state = states[i];
  for (var c = 0u; c < sizes.classCount; c++) {
    let distance = state.x - logitAt(c, place.voxel);
    state.y += exp(-distance);
    state.z += distance;
    if (sizes.firstClass + c == label) { state.w = distance; }
  }
  states[i] = state;
}

// Cross entropy of each chunk, once all classes are added up. Leaves inverse sums in the place of the sums.
@compute @workgroup_size(LANES)
fn sumLosses(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (chunk.sample >= sizes.samples) { return; }
  var entropy = 0.0;
  var valid = 0.0;
  for (var voxel = chunk.start + lane; voxel < chunk.end; voxel += LANES) {
    let i = voxel - sizes.firstVoxel;
    let state = states[i];
    let isValid = labelOf(0, voxel) != sizes.ignored;
    var loss = 0.0;
    if (isValid) {
      loss = voxelLoss(state.x, state.y, state.w, state.z);
      valid += 1.0;
    }
    entropy += loss;
    keepLoss(0, voxel, loss);
    states[i].y = select(0.0, inverseSum(state.x, state.y), isValid);
  }
  let row = rowOf(chunk);
  let sums = sumWorkgroup(lane, vec3f(entropy, valid, 0.0));
  if (lane == 0) {
    partials[row + sizes.columns - 2] = sums.x;
    partials[row + sizes.columns - 1] = sums.y;
  }
}

// Dice sums of the dispatch's classes, chunk by chunk.
@compute @workgroup_size(LANES)
fn sumDice(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (chunk.sample >= sizes.samples) { return; }
  let row = rowOf(chunk);
  for (var c = max(sizes.firstClass, sizes.firstDiceClass); c < sizes.firstClass + sizes.classCount; c++) {
    var own = vec3f(0.0);
    for (var voxel = chunk.start + lane; voxel < chunk.end; voxel += LANES) {
      let state = states[voxel - sizes.firstVoxel];
      let label = labelOf(0, voxel);
      let probability = exp(logitAt(c - sizes.firstClass, voxel) - state.x) * state.y;
      own += select(vec3f(0.0, probability, 0.0), vec3f(probability, probability, 1.0), label == c && label != sizes.ignored);
    }
    let sums = sumWorkgroup(lane, own);
    if (lane == 0) {
      let column = row + (c - sizes.firstDiceClass) * 3;
      partials[column] = sums.x;
      partials[column + 1] = sums.y;
      partials[column + 2] = sums.z;
    }
  }
}

// For the gradient; one thread per voxel.
@compute @workgroup_size(LANES)
fn addWeighted(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let place = placeOf(group, groups, lane);
  if (!place.isInside) { return; }
  let i = place.voxel - sizes.firstVoxel;
  let label = labelOf(0, place.voxel);
  let dice = coefficientsOf(0);
  var state = states[i];
  for (var c = 0u; c < sizes.classCount; c++) {
    let class_ = sizes.firstClass + c;
    let exponential = exp(logitAt(c, place.voxel) - state.x);
    state.y += exponential;
    state.z += exponential * diceDerivative(dice, class_, class_ == label);
  }
  states[i] = state;
}

// One thread per voxel.
@compute @workgroup_size(LANES)
fn gradientPass(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let place = placeOf(group, groups, lane);
  if (!place.isInside) { return; }
  let state = states[place.voxel - sizes.firstVoxel];
  let label = labelOf(0, place.voxel);
  let output = sizes.gradientBase + place.voxel;
  let dice = coefficientsOf(0);
  let inverse = 1.0 / state.y;
  let mean = state.z * inverse;
  let share = lossShare(0, place.voxel);
  for (var c = 0u; c < sizes.classCount; c++) {
    let class_ = sizes.firstClass + c;
    let isLabel = class_ == label;
    let probability = exp(logitAt(c, place.voxel) - state.x) * inverse;
    let own = logitGradient(probability, diceDerivative(dice, class_, isLabel) - mean, share, isLabel);
    let valid = select(state.x, own, isFinite(state.x));
    gradient[output + c * sizes.voxels] = scalar(select(valid, 0.0, label == sizes.ignored));
  }
}
