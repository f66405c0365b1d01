// y = mean over blocks of stride voxels, without overlap or padding. One thread per output voxel. A prelude names the types
// that elements are stored as: `StoredX`, `StoredY`.

override workgroupSize: u32;

// Sizes are no constants, so that all layers share what is compiled.
struct Sizes {
  depth: u32, // of x
  height: u32,
  width: u32,
  strideZ: u32,
  strideY: u32,
  strideX: u32,
  planes: u32,
  xBase: u32, // elements before the first plane
  yBase: u32,
}

@group(0) @binding(0) var<storage, read> x: array<StoredX>;
@group(0) @binding(1) var<storage, read_write> y: array<StoredY>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(workgroupSize)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * workgroupSize + lane;
  let stride = vec3u(sizes.strideX, sizes.strideY, sizes.strideZ);
  let size = vec3u(sizes.width, sizes.height, sizes.depth) / stride;
  let plane = i / (size.x * size.y * size.z);
  if (plane >= sizes.planes) { return; }
  let first = vec3u(i % size.x, i / size.x % size.y, i / (size.x * size.y) % size.z) * stride;
  var sum = 0.0;
  for (var z = first.z; z < first.z + stride.z; z++) {
    for (var row = first.y; row < first.y + stride.y; row++) {
      let start = sizes.xBase + ((plane * sizes.depth + z) * sizes.height + row) * sizes.width;
      for (var column = first.x; column < first.x + stride.x; column++) { sum += f32(x[start + column]); }
    }
  }
  y[sizes.yBase + i] = StoredY(sum / f32(stride.x * stride.y * stride.z));
}

// Gradient with respect to x: each voxel's share of its block's gradient y; 0 outside every block. One thread per voxel of x.
@group(0) @binding(3) var<storage, read> gy: array<StoredY>;
@group(0) @binding(4) var<storage, read_write> gx: array<StoredX>;
@group(0) @binding(5) var<uniform> gradientSizes: Sizes;

@compute @workgroup_size(workgroupSize)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * workgroupSize + lane;
  let stride = vec3u(gradientSizes.strideX, gradientSizes.strideY, gradientSizes.strideZ);
  let full = vec3u(gradientSizes.width, gradientSizes.height, gradientSizes.depth);
  let size = full / stride;
  let plane = i / (full.x * full.y * full.z);
  if (plane >= gradientSizes.planes) { return; }
  let block = vec3u(i % full.x, i / full.x % full.y, i / (full.x * full.y) % full.z) / stride;
  var value = 0.0;
  if (all(block < size)) {
    value = f32(gy[gradientSizes.yBase + ((plane * size.z + block.z) * size.y + block.y) * size.x + block.x]) / f32(stride.x * stride.y * stride.z);
  }
  gx[gradientSizes.xBase + i] = StoredX(value);
}
