// Adam and AdamW. With means m of the gradients and v of their squares, both corrected for their start at zero:
// parameter −= learningRate · m / (√v + eps); weight decay joins the gradient (Adam) or the step (AdamW).

override isDecoupled: bool; // AdamW
override decay1: f32;
override newShare1: f32; // 1 − decay1, exact
override decay2: f32;
override newShare2: f32;
override eps: f32;

@group(0) @binding(3) var<storage, read_write> means: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> squares: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> largestSquares: array<vec4f>; // amsgrad

// Moves both means; returns that of the squares.
fn moveMeans(i: u32) -> vec4f {
  let decay = select(weightDecay, 0.0, isDecoupled);
  let gradient = gradients[i] * control.gradientFactor + decay * parameters[i];
  means[i] = decay1 * means[i] + newShare1 * gradient;
  let square = decay2 * squares[i] + newShare2 * gradient * gradient;
  squares[i] = square;
  return square;
}

fn descend(i: u32, square: vec4f) {
  let parameter = parameters[i];
  let denominator = sqrt(square) / sqrt(control.corrections.y) + eps;
  let decay = select(0.0, control.learningRate * weightDecay, isDecoupled);
  parameters[i] = parameter - (decay * parameter + control.learningRate / control.corrections.x * means[i] / denominator);
}

@compute @workgroup_size(LANES)
fn update(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let start = chunkOf(group, groups);
  if (control.isSkipped != 0.0) { return; }
  for (var i = start + lane; i < endOf(start); i += LANES) { descend(i, moveMeans(i)); }
}

// Divides by the root of the largest mean of squares so far.
@compute @workgroup_size(LANES)
fn updateAmsgrad(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let start = chunkOf(group, groups);
  if (control.isSkipped != 0.0) { return; }
  for (var i = start + lane; i < endOf(start); i += LANES) {
    let largest = max(largestSquares[i], moveMeans(i));
    largestSquares[i] = largest;
    descend(i, largest);
  }
}
