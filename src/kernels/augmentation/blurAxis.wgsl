// y = x convolved along one axis, reflected at the border. One thread per voxel.

struct Parameters {
  shape: vec3u,
  axis: u32,
  // Weights before and after the middle one.
  half: u32,
  weights: array<vec4f, 4>,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Parameters;

const WORKGROUP_SIZE = 64u;

fn reflected(index: i32, size: i32) -> i32 {
  if (size == 1) { return 0; }
  let period = 2 * (size - 1);
  let within = ((index % period) + period) % period;
  return select(period - within, within, within < size);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn blur(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * WORKGROUP_SIZE + lane;
  if (i >= p.shape.x * p.shape.y * p.shape.z) { return; }
  let strides = vec3u(p.shape.y * p.shape.z, p.shape.z, 1u);
  let stride = strides[p.axis];
  let size = p.shape[p.axis];
  let k = (i / stride) % size;
  let lineStart = i - k * stride;
  var sum = 0.0;
  for (var t = 0u; t <= 2u * p.half; t++) {
    let source = u32(reflected(i32(k + t) - i32(p.half), i32(size)));
    sum += p.weights[t / 4u][t % 4u] * x[lineStart + source * stride];
  }
  y[i] = sum;
}
