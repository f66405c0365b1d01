// y[o, k, i] = clamp(Σ_t weights[k, t] · x[o, start[k] + t, i]): one axis of a separable resize, x seen as
// [outer, n, inner], y as [outer, m, inner]. One thread per output element; the launcher's prelude says whether an
// element is one sample or four neighbours along the inner axis.
override taps: u32;

struct Params {
  n: u32,
  m: u32,
  /** In elements. */
  inner: u32,
  /** Consecutive values of `o` that share one pair of `ranges`. */
  outerPerRange: u32,
}

@group(0) @binding(0) var<storage, read> x: array<element>;
@group(0) @binding(1) var<storage, read> start: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
/** Lowest and highest value allowed. */
@group(0) @binding(3) var<storage, read> ranges: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> y: array<element>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(64)
fn resample(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64 + local; // the grid folds into y past the adapter's limit
  if (index >= arrayLength(&y)) { return; }
  let i = index % params.inner;
  let row = index / params.inner;
  let k = row % params.m;
  let o = row / params.m;
  var at = (o * params.n + start[k]) * params.inner + i;
  var sum = element();
  for (var t = 0u; t < taps; t++) {
    sum += weights[k * taps + t] * x[at];
    at += params.inner;
  }
  let range = ranges[min(o / params.outerPerRange, arrayLength(&ranges) - 1)];
  y[index] = clamp(sum, element(range.x), element(range.y));
}
