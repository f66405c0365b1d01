// Stochastic gradient descent: velocity = momentum · velocity + g with g = gradient + weightDecay · parameter, then
// parameter −= learningRate · (g + momentum · velocity) (Nesterov) or learningRate · velocity.

override momentum: f32;
override isNesterov: bool;

@group(0) @binding(3) var<storage, read_write> velocities: array<vec4f>;

@compute @workgroup_size(LANES)
fn update(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let start = chunkOf(group, groups);
  if (control.isSkipped != 0.0) { return; }
  for (var i = start + lane; i < endOf(start); i += LANES) {
    let parameter = parameters[i];
    let gradient = gradients[i] * control.gradientFactor + weightDecay * parameter;
    let velocity = momentum * velocities[i] + gradient;
    velocities[i] = velocity;
    let direction = select(velocity, gradient + momentum * velocity, isNesterov);
    parameters[i] = parameter - control.learningRate * direction;
  }
}
