// Sigmoid losses over regions, each a channel of its own: soft Dice and binary cross entropy.

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
  for (var c = 0u; c < sizes.classes; c++) {
    var own = vec3f(0.0);
    valid = 0.0;
    for (var voxel = chunk.start + lane; voxel < chunk.end; voxel += LANES) {
      if (isIgnoredRegion(chunk.sample, voxel)) { continue; }
      let isInside = regionBit(chunk.sample, voxel, c);
      let logit = f32(logits[logitsOf(chunk.sample, voxel) + c * sizes.voxels]);
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
    partials[row + sizes.columns - 2] = sums.x;
    partials[row + sizes.columns - 1] = sums.y;
  }
}

// One thread per voxel: p (1 − p) times the derivative of the Dice loss, plus p minus the target.
@compute @workgroup_size(LANES)
fn gradientPass(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = (group.y * groups.x + group.x) * LANES + lane;
  if (id >= sizes.samples * sizes.voxels) { return; }
  let sample = id / sizes.voxels;
  let voxel = id % sizes.voxels;
  let first = logitsOf(sample, voxel);
  let output = first - sizes.logitsBase + sizes.gradientBase;
  let isIgnored = isIgnoredRegion(sample, voxel);
  let dice = coefficientsOf(sample);
  let share = coefficients[0];
  let factor = sizes.weight * lossScale[0];
  for (var c = 0u; c < sizes.classes; c++) {
    var own = 0.0;
    if (!isIgnored) {
      let isInside = regionBit(sample, voxel, c);
      let probability = sigmoid(f32(logits[first + c * sizes.voxels]));
      let derivative = coefficients[dice + 2 * c + 1] + select(0.0, coefficients[dice + 2 * c], isInside);
      own = factor * (probability * (1.0 - probability) * derivative + share * (probability - select(0.0, 1.0, isInside)));
    }
    gradient[output + c * sizes.voxels] = scalar(own);
  }
}
