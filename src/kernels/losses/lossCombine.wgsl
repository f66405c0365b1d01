// From partial sums to the loss and to the coefficients of its gradient.

override isBatchDice: bool;
override isTopK: bool;
override hasDice: bool;
override isMeanOverClasses: bool; // binary cross entropy without an ignore label
override diceWeight: f32;
override crossEntropyWeight: f32;
override smoothing: f32;

@group(0) @binding(6) var<storage, read_write> sums: array<f32>; // loss, Dice loss, cross entropy, valid voxels; Dice of each sample and class
@group(0) @binding(7) var<storage, read_write> ranking: array<u32>; // bits of the smallest loss that counts, how many of its equals count, how many there are

const SUMS_HEADER = 4u;
const SMALLEST_DENOMINATOR = 1e-8;

// One workgroup per sample and column.
@compute @workgroup_size(LANES)
fn addChunks(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group.y * groups.x + group.x;
  if (id >= sizes.batch * sizes.columns) { return; }
  let sample = id / sizes.columns;
  var own = 0.0;
  for (var chunk = lane; chunk < sizes.chunks; chunk += LANES) {
    own += partials[(sample * sizes.chunks + chunk) * sizes.columns + id % sizes.columns];
  }
  let sum = sumWorkgroup(lane, vec3f(own, 0.0, 0.0));
  if (lane == 0) { totals[id] = sum.x; }
}

fn totalOf(sample: u32, diceClass: u32) -> vec3f {
  let column = sample * sizes.columns + diceClass * 3;
  return vec3f(totals[column], totals[column + 1], totals[column + 2]);
}

// Dice = (2 I + s) / (P + G + s) of one row; its derivative by a probability is 2 target / denominator − Dice / denominator.
fn diceOfRow(row: u32, rows: u32, diceClasses: u32) -> f32 {
  let diceClass = row % diceClasses;
  var firstSample = row / diceClasses;
  var samples = 1u;
  if (isBatchDice) {
    firstSample = 0;
    samples = sizes.batch;
  }
  var total = vec3f(0.0);
  for (var n = firstSample; n < firstSample + samples; n++) { total += totalOf(n, diceClass); }
  let whole = total.y + total.z + smoothing;
  let denominator = select(whole, SMALLEST_DENOMINATOR, whole < SMALLEST_DENOMINATOR); // max would hide a NaN
  let dice = (2.0 * total.x + smoothing) / denominator;
  let scale = diceWeight / (f32(rows) * denominator);
  for (var n = firstSample; n < firstSample + samples; n++) {
    let i = n * sizes.classes + sizes.firstDiceClass + diceClass;
    coefficients[COEFFICIENTS_HEADER + 2 * i] = -2.0 * scale;
    coefficients[COEFFICIENTS_HEADER + 2 * i + 1] = select(0.0, scale * dice, whole >= SMALLEST_DENOMINATOR);
    sums[SUMS_HEADER + i] = dice;
  }
  return dice;
}

// One workgroup.
@compute @workgroup_size(LANES)
fn finish(@builtin(local_invocation_index) lane: u32) {
  for (var i = lane; i < sizes.batch * sizes.classes; i += LANES) {
    if (!hasDice || i % sizes.classes < sizes.firstDiceClass) {
      coefficients[COEFFICIENTS_HEADER + 2 * i] = 0.0;
      coefficients[COEFFICIENTS_HEADER + 2 * i + 1] = 0.0;
      sums[SUMS_HEADER + i] = 0.0;
    }
  }
  var own = 0.0;
  var rows = 1u;
  if (hasDice) {
    let diceClasses = sizes.classes - sizes.firstDiceClass;
    rows = select(sizes.batch * diceClasses, diceClasses, isBatchDice);
    for (var row = lane; row < rows; row += LANES) { own += diceOfRow(row, rows, diceClasses); }
  }
  let diceLoss = -sumWorkgroup(lane, vec3f(own, 0.0, 0.0)).x / f32(rows);
  if (lane == 0) { writeLoss(diceLoss); }
}

fn writeLoss(diceLoss: f32) {
  var entropy = 0.0;
  var valid = 0.0;
  for (var n = 0u; n < sizes.batch; n++) {
    entropy += totals[(n + 1) * sizes.columns - 2];
    valid += totals[(n + 1) * sizes.columns - 1];
  }
  var count = valid;
  if (isMeanOverClasses) { count *= f32(sizes.classes); }
  if (isTopK) {
    let counted = f32(ranking[1]);
    coefficients[1] = bitcast<f32>(ranking[0]);
    coefficients[2] = counted / f32(max(ranking[2], 1));
    if (counted > 0.0) { entropy += counted * bitcast<f32>(ranking[0]); }
    count = f32(sizes.ranked);
  }
  let share = select(0.0, 1.0 / max(count, 1.0), valid > 0.0);
  coefficients[0] = crossEntropyWeight * share;
  sums[0] = diceWeight * diceLoss + crossEntropyWeight * entropy * share;
  sums[1] = diceLoss;
  sums[2] = entropy * share;
  sums[3] = valid;
}
