// The softmax losses where a dispatch sees all classes of its samples.

override hasDice: bool;

var<workgroup> largests: array<f32, CHUNK_VOXELS>;
var<workgroup> inverses: array<f32, CHUNK_VOXELS>;
var<workgroup> labels: array<u32, CHUNK_VOXELS>;

// NaN if any logit of the voxel is not finite.
fn largestLogit(first: u32) -> f32 {
  var largest = f32(logits[first]);
  for (var c = 0u; c < sizes.classes; c++) {
    let logit = f32(logits[first + c * sizes.voxels]);
    if (!isFinite(logit)) { return notANumber(logit); }
    largest = max(largest, logit);
  }
  return largest;
}

@compute @workgroup_size(LANES)
fn statistics(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (chunk.sample >= sizes.samples) { return; }
  var entropy = 0.0;
  var valid = 0.0;
  for (var voxel = chunk.start + lane; voxel < chunk.end; voxel += LANES) {
    let first = logitsOf(chunk.sample, voxel);
    let label = labelOf(chunk.sample, voxel);
    let isValid = label != sizes.ignored;
    let largest = largestLogit(first);
    var sum = 0.0;
    var distances = 0.0;
    for (var c = 0u; c < sizes.classes; c++) {
      let distance = largest - f32(logits[first + c * sizes.voxels]);
      sum += exp(-distance);
      distances += distance;
    }
    var loss = 0.0;
    if (isValid) {
      loss = voxelLoss(largest, sum, largest - f32(logits[first + label * sizes.voxels]), distances);
      valid += 1.0;
    }
    entropy += loss;
    keepLoss(chunk.sample, voxel, loss);
    largests[voxel - chunk.start] = largest;
    inverses[voxel - chunk.start] = select(0.0, inverseSum(largest, sum), isValid);
    labels[voxel - chunk.start] = select(NONE, label, isValid);
  }
  let row = rowOf(chunk);
  let sums = sumWorkgroup(lane, vec3f(entropy, valid, 0.0));
  if (lane == 0) {
    partials[row + sizes.columns - 2] = sums.x;
    partials[row + sizes.columns - 1] = sums.y;
  }
  if (hasDice) { diceSums(chunk, row, lane); }
}

// Each lane meets the voxels again whose softmax it left in workgroup memory.
fn diceSums(chunk: Chunk, row: u32, lane: u32) {
  for (var c = sizes.firstDiceClass; c < sizes.classes; c++) {
    let first = logitsOf(chunk.sample, 0) + c * sizes.voxels;
    var own = vec3f(0.0);
    for (var voxel = chunk.start + lane; voxel < chunk.end; voxel += LANES) {
      let i = voxel - chunk.start;
      let probability = exp(f32(logits[first + voxel]) - largests[i]) * inverses[i];
      own += select(vec3f(0.0, probability, 0.0), vec3f(probability, probability, 1.0), labels[i] == c);
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

// One thread per voxel.
@compute @workgroup_size(LANES)
fn gradientPass(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let place = placeOf(group, groups, lane);
  if (!place.isInside) { return; }
  let first = logitsOf(place.sample, place.voxel);
  let output = first - sizes.logitsBase + sizes.gradientBase;
  let label = labelOf(place.sample, place.voxel);
  if (label == sizes.ignored) {
    for (var c = 0u; c < sizes.classes; c++) { gradient[output + c * sizes.voxels] = scalar(0.0); }
    return;
  }
  let dice = coefficientsOf(place.sample);
  let largest = largestLogit(first);
  var sum = 0.0;
  var weighted = 0.0;
  for (var c = 0u; c < sizes.classes; c++) {
    let exponential = exp(f32(logits[first + c * sizes.voxels]) - largest);
    sum += exponential;
    weighted += exponential * diceDerivative(dice, c, c == label);
  }
  let inverse = 1.0 / sum;
  let mean = weighted * inverse;
  let share = lossShare(place.sample, place.voxel);
  for (var c = 0u; c < sizes.classes; c++) {
    let isLabel = c == label;
    let probability = exp(f32(logits[first + c * sizes.voxels]) - largest) * inverse;
    let own = logitGradient(probability, diceDerivative(dice, c, isLabel) - mean, share, isLabel);
    gradient[output + c * sizes.voxels] = scalar(select(largest, own, isFinite(largest)));
  }
}
