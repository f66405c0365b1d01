// Second pass of a weight gradient: adds up the partial sums of all splits, in order. One thread per weight.

override workgroupSize: u32;

struct Sizes {
  count: u32, // weights, and so elements from one split to the next
  splits: u32,
  row: u32, // weights per outer channel, in the partial sums and in the gradient
  gradientRow: u32,
  gradientBase: u32, // element of the first
  adds: u32, // 1 to add to what the gradient holds
}

// Only read; one buffer may hold both arrays, and may then not be bound in two ways.
@group(0) @binding(0) var<storage, read_write> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(workgroupSize)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = (group.y * groups.x + group.x) * workgroupSize + thread;
  if (i >= sizes.count) { return; }
  let at = sizes.gradientBase + i / sizes.row * sizes.gradientRow + i % sizes.row;
  var sum = 0.0;
  for (var split = 0u; split < sizes.splits; split++) { sum += partials[split * sizes.count + i]; }
  if (sizes.adds != 0) { sum += gradient[at]; }
  gradient[at] = sum;
}
