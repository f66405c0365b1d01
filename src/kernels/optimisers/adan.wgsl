// Adan: means m of the gradients, v of their differences from step to step, n of the squares of gradient plus
// difference; share1…3 is the weight of the newest. The first step has no difference: it moves no mean.

override share1: f32;
override share2: f32;
override share3: f32;
override eps: f32;

@group(0) @binding(3) var<storage, read_write> means: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> differences: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> squares: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> previous: array<vec4f>;

@compute @workgroup_size(LANES)
fn update(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let start = chunkOf(group, groups);
  if (control.isSkipped != 0.0) { return; }
  let decay = control.learningRate * weightDecay;
  for (var i = start + lane; i < endOf(start); i += LANES) {
    let parameter = parameters[i];
    let gradient = gradients[i] * control.gradientFactor;
    var mean = means[i];
    var difference = differences[i];
    var square = squares[i];
    if (control.step > 1.0) {
      let change = gradient - previous[i];
      let ahead = gradient + (1.0 - share2) * change;
      mean += share1 * (gradient - mean);
      difference += share2 * (change - difference);
      square += share3 * (ahead * ahead - square);
      means[i] = mean;
      differences[i] = difference;
      squares[i] = square;
    }
    previous[i] = gradient;
    let direction = mean / control.corrections.x + (1.0 - share2) * difference / control.corrections.y;
    let moved = control.learningRate * direction / (sqrt(square / control.corrections.z) + eps);
    // (parameter − moved) / (1 + decay), as a small difference that keeps its digits
    parameters[i] = parameter - (moved + (parameter - moved) * (decay / (1.0 + decay)));
  }
}
