// One thread per element. `aBase`, `bBase` and `yBase` are where the arrays begin in their bindings. A prelude names the
// types that elements are stored as: `StoredA`, `StoredB`, `StoredY`.

override workgroupSize: u32;
override count: u32;
override aBase: u32;
override bBase: u32;
override yBase: u32;
override negativeSlope: f32;

@group(0) @binding(0) var<storage, read> a: array<StoredA>;
@group(0) @binding(1) var<storage, read> b: array<StoredB>;
@group(0) @binding(2) var<storage, read_write> y: array<StoredY>;

fn indexOf(group: vec3u, groups: vec3u, lane: u32) -> u32 {
  return (group.y * groups.x + group.x) * workgroupSize + lane;
}

// y = a + b
@compute @workgroup_size(workgroupSize)
fn add(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = indexOf(group, groups, lane);
  if (i >= count) { return; }
  y[yBase + i] = StoredY(f32(a[aBase + i]) + f32(b[bBase + i]));
}

// y = a where positive, negativeSlope · a elsewhere
@compute @workgroup_size(workgroupSize)
fn leakyRelu(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = indexOf(group, groups, lane);
  if (i >= count) { return; }
  let value = f32(a[aBase + i]);
  y[yBase + i] = StoredY(select(negativeSlope * value, value, value > 0.0));
}

// y = a
@compute @workgroup_size(workgroupSize)
fn copy(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = indexOf(group, groups, lane);
  if (i >= count) { return; }
  y[yBase + i] = StoredY(a[aBase + i]);
}

// y += a
@compute @workgroup_size(workgroupSize)
fn accumulate(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = indexOf(group, groups, lane);
  if (i >= count) { return; }
  y[yBase + i] = StoredY(f32(y[yBase + i]) + f32(a[aBase + i]));
}

// y = y where a is positive, negativeSlope · y elsewhere
@compute @workgroup_size(workgroupSize)
fn leakyReluGradient(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = indexOf(group, groups, lane);
  if (i >= count) { return; }
  let value = f32(y[yBase + i]);
  y[yBase + i] = StoredY(select(negativeSlope * value, value, f32(a[aBase + i]) > 0.0));
}
