// Sigmoid losses over regions, each a channel of its own: soft Dice and binary cross entropy. A dispatch sees some or all
// of them.

override hasDice: bool;

// Sigmoid of a logit, and the binary cross entropy log(1 + e^−|x|) + max(x, 0) − x · target.
fn sigmoid(logit: f32) -> f32 {
  let small = exp(-abs(logit));
  return select(notANumber(logit), select(small, 1.0, logit >= 0.0) / (1.0 + small), isFinite(logit));
}

fn binaryCrossEntropy(logit: f32, isInside: bool) -> f32 {
  let loss = log(1.0 + exp(-abs(logit))) + max(logit, 0.0) - select(0.0, logit, isInside);
  return select(notANumber(logit), loss, isFinite(logit));
}

@compute @workgroup_size(LANES)
fn statistics(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = chunkOf(group, groups);
  if (chunk.sample >= sizes.samples) { return; }
  let row = rowOf(chunk);
  var entropy = 0.0;
  var valid = 0.0;
  for (var c = sizes.firstClass; c < sizes.firstClass + sizes.classCount; c++) {
    let first = logitsOf(chunk.sample, 0) + (c - sizes.firstClass) * sizes.voxels;
    var own = vec3f(0.0);
    valid = 0.0;
    for (var voxel = chunk.start + lane; voxel < chunk.end; voxel += LANES) {
      if (isIgnoredRegion(chunk.sample, voxel)) { continue; }
      let isInside = regionBit(chunk.sample, voxel, c);
      let logit = f32(logits[first + voxel]);
      let probability = sigmoid(logit);
      own += select(vec3f(0.0, probability, 0.0), vec3f(probability, probability, 1.0), isInside);
      entropy += binaryCrossEntropy(logit, isInside);
      valid += 1.0;
    }
    if (hasDice && c >= sizes.firstDiceClass) {
      let sums = sumWorkgroup(lane, own);
      if (lane == 0) {
        let column = row + (c - sizes.firstDiceClass) * 3;
        partials[column] = sums.x;
        partials[column + 1] = sums.y;
        partials[column + 2] = sums.z;
      }
    }
  }
  let sums = sumWorkgroup(lane, vec3f(entropy, valid, 0.0));
  if (lane == 0) {
    let entropyOfOthers = select(0.0, partials[row + sizes.columns - 2], sizes.firstClass > 0);
    partials[row + sizes.columns - 2] = entropyOfOthers + sums.x;
    partials[row + sizes.columns - 1] = sums.y;
  }
}

// One thread per voxel: p (1 − p) times the derivative of the Dice loss, plus p minus the target.
@compute @workgroup_size(LANES)
fn gradientPass(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let place = placeOf(group, groups, lane);
  if (!place.isInside) { return; }
  let first = logitsOf(place.sample, place.voxel);
  let output = first - sizes.logitsBase + sizes.gradientBase;
  let isIgnored = isIgnoredRegion(place.sample, place.voxel);
  let dice = coefficientsOf(place.sample) + 2 * sizes.firstClass;
  let share = coefficients[0];
  let factor = sizes.weight * lossScale[0];
  for (var c = 0u; c < sizes.classCount; c++) {
    var own = 0.0;
    if (!isIgnored) {
      let isInside = regionBit(place.sample, place.voxel, sizes.firstClass + c);
      let probability = sigmoid(f32(logits[first + c * sizes.voxels]));
      let derivative = coefficients[dice + 2 * c + 1] + select(0.0, coefficients[dice + 2 * c], isInside);
      own = factor * (probability * (1.0 - probability) * derivative + share * (probability - select(0.0, 1.0, isInside)));
    }
    gradient[output + c * sizes.voxels] = scalar(own);
  }
}
