// Sum of each channel over images and voxels. A plane (one channel of one image) is cut into chunks, one workgroup each;
// a second pass adds up the chunks of a channel in order. A prelude names the element type and declares `values`: `lanes`
// is vec4f where planes are whole vectors, f32 elsewhere, and `total` sums its components. What is stored may be f16.

override workgroupSize: u32;

// Sizes are no constants, so that all layers share what is compiled.
struct Sizes {
  planeLength: u32, // lanes
  chunkLength: u32, // lanes
  chunks: u32, // per plane
  planes: u32, // of this dispatch
  firstPlane: u32,
  base: u32, // lanes before the first plane in `values`
  images: u32,
  channels: u32,
  adds: u32, // 1 to add to what `sums` holds
}

@group(0) @binding(1) var<storage, read_write> partials: array<f32>; // per plane and chunk
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

var<workgroup> shared_: array<f32, workgroupSize>;

@compute @workgroup_size(workgroupSize)
fn chunkSums(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group.y * groups.x + group.x;
  let plane = id / sizes.chunks;
  let chunk = id % sizes.chunks;
  if (plane >= sizes.planes) { return; }
  let start = sizes.base + plane * sizes.planeLength;
  let end = start + min((chunk + 1) * sizes.chunkLength, sizes.planeLength);
  var sum = lanes(0.0);
  for (var i = start + chunk * sizes.chunkLength + lane; i < end; i += workgroupSize) { sum += lanes(values[i]); }
  shared_[lane] = total(sum);
  workgroupBarrier();
  for (var reach = workgroupSize / 2; reach > 0; reach /= 2) {
    if (lane < reach) { shared_[lane] += shared_[lane + reach]; }
    workgroupBarrier();
  }
  if (lane == 0) { partials[(sizes.firstPlane + plane) * sizes.chunks + chunk] = shared_[0]; }
}

@compute @workgroup_size(workgroupSize)
fn channelSums(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let channel = (group.y * groups.x + group.x) * workgroupSize + lane;
  if (channel >= sizes.channels) { return; }
  var sum = 0.0;
  for (var image = 0u; image < sizes.images; image++) {
    let first = (image * sizes.channels + channel) * sizes.chunks;
    for (var chunk = 0u; chunk < sizes.chunks; chunk++) { sum += partials[first + chunk]; }
  }
  if (sizes.adds != 0) { sum += sums[channel]; }
  sums[channel] = sum;
}
