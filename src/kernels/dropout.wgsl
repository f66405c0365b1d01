// In place: elements are dropped or scaled, one thread per lane. A prelude names the element type: `lanes` is vec4f where
// the array is whole vectors, f32 elsewhere, `stored` what it is stored as, `keptAt` says which of its elements remain.

override workgroupSize: u32;

// Sizes are no constants, so that all layers share what is compiled.
struct Sizes {
  count: u32, // lanes of this dispatch
  base: u32, // lanes before them in the binding
  first: u32, // elements before them in the array that the mask is of
  elementsPerDraw: u32, // 1, or the voxels of a channel
  threshold: u32, // draws below it are dropped
  scale: u32, // of what remains, the bits of an f32
  layer: u32,
  seed: u32,
}

@group(0) @binding(0) var<storage, read_write> values: array<stored>;
@group(0) @binding(1) var<storage, read> control: Control; // the optimiser's
@group(0) @binding(2) var<uniform> sizes: Sizes;

fn stir(v: vec4u) -> vec4u {
  var r = v;
  r.x += r.y * r.w;
  r.y += r.z * r.x;
  r.z += r.x * r.y;
  r.w += r.y * r.z;
  return r;
}

// pcg4d: Jarzynski and Olano, "Hash Functions for GPU Rendering" (JCGT 9, 2020).
fn hash(counters: vec4u) -> u32 {
  let v = stir(counters * 1664525u + 1013904223u);
  return stir(v ^ (v >> vec4u(16u))).x;
}

// Steps begun before this one: updates, and those that were skipped.
fn stepsBefore() -> u32 { return u32(control.step + control.skippedSteps); }

fn isKept(element: u32) -> bool {
  let draw = hash(vec4u((sizes.first + element) / sizes.elementsPerDraw, stepsBefore(), sizes.layer, sizes.seed));
  return (draw >> 8) >= sizes.threshold;
}

@compute @workgroup_size(workgroupSize)
fn drop(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * workgroupSize + lane;
  if (i >= sizes.count || control.isEvaluating != 0.0) { return; }
  let at = sizes.base + i;
  values[at] = stored(select(lanes(0.0), lanes(values[at]) * bitcast<f32>(sizes.scale), keptAt(i)));
}
