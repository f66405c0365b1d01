// Euclidean norm of all gradients together: squares of each chunk, then the chunks in their order, then what follows
// from the norm: whether to step, how far to clip, the next loss scale.

const LANES = 64u;

override chunkVectors: u32;
override hasClip: bool;
override clipNorm: f32;
override growthInterval: f32; // 0 for a constant loss scale
override growthFactor: f32;
override backoffFactor: f32;
override logDecay1: f32;
override logDecay2: f32;
override logDecay3: f32;

struct Sizes {
  vectors: u32, // of the gradients bound
  firstPartial: u32,
  partials: u32, // of all
}

@group(0) @binding(0) var<storage, read_write> control: Control;
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

var<workgroup> laneSums: array<f32, LANES>;

fn sumWorkgroup(lane: u32, own: f32) -> f32 {
  laneSums[lane] = own;
  workgroupBarrier();
  for (var reach = LANES / 2; reach > 0; reach /= 2) {
    if (lane < reach) { laneSums[lane] += laneSums[lane + reach]; }
    workgroupBarrier();
  }
  return laneSums[0];
}

@compute @workgroup_size(LANES)
fn squares(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = group.y * groups.x + group.x;
  if (chunk * chunkVectors >= sizes.vectors) { return; }
  let unscale = 1.0 / control.lossScale;
  var own = vec4f(0.0);
  for (var i = chunk * chunkVectors + lane; i < min((chunk + 1) * chunkVectors, sizes.vectors); i += LANES) {
    let gradient = gradients[i] * unscale;
    own += gradient * gradient;
  }
  let sum = sumWorkgroup(lane, own.x + own.y + (own.z + own.w));
  if (lane == 0) { partials[sizes.firstPartial + chunk] = sum; }
}

// Compilers may assume that comparisons meet no NaN; its bits they keep.
fn isFinite(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7f800000) != 0x7f800000;
}

// 1 − e^x for x ≤ 0, by its series where the difference would lose digits.
fn oneMinusExp(x: f32) -> f32 {
  if (x < -0.5) { return 1.0 - exp(x); }
  var sum = 1.0;
  for (var n = 10.0; n > 1.0; n -= 1.0) { sum = 1.0 + sum * x / n; }
  return -x * sum;
}

// One workgroup.
@compute @workgroup_size(LANES)
fn finish(@builtin(local_invocation_index) lane: u32) {
  var own = 0.0;
  for (var i = lane; i < sizes.partials; i += LANES) { own += partials[i]; }
  let sum = sumWorkgroup(lane, own);
  if (lane == 0) { steer(sum); }
}

fn steer(sumOfSquares: f32) {
  let norm = sqrt(sumOfSquares);
  control.gradientNorm = norm;
  if (!isFinite(sumOfSquares)) {
    control.isSkipped = 1.0;
    control.skippedSteps += 1.0;
    control.gradientFactor = 0.0;
    control.goodSteps = 0.0;
    if (growthInterval > 0.0) { control.lossScale *= backoffFactor; }
    return;
  }
  let clip = select(1.0, min(1.0, clipNorm / (norm + 1e-6)), hasClip);
  control.isSkipped = 0.0;
  control.gradientFactor = clip / control.lossScale;
  control.step += 1.0;
  control.corrections = vec4f(
    oneMinusExp(control.step * logDecay1),
    oneMinusExp(control.step * logDecay2),
    oneMinusExp(control.step * logDecay3),
    0.0,
  );
  control.goodSteps += 1.0;
  if (growthInterval > 0.0 && control.goodSteps >= growthInterval) {
    let grown = control.lossScale * growthFactor;
    if (isFinite(grown)) { control.lossScale = grown; }
    control.goodSteps = 0.0;
  }
}
