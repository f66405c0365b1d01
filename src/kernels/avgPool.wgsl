// y = mean over blocks of stride voxels, without overlap or padding. One thread per output voxel of `planes` planes.

override workgroupSize: u32;
override planes: u32;
override depth: u32; // of x
override height: u32;
override width: u32;
override strideZ: u32;
override strideY: u32;
override strideX: u32;
override xBase: u32;
override yBase: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(workgroupSize)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * workgroupSize + lane;
  let size = vec3u(width / strideX, height / strideY, depth / strideZ);
  let at = vec3u(i % size.x, i / size.x % size.y, i / (size.x * size.y) % size.z);
  let plane = i / (size.x * size.y * size.z);
  if (plane >= planes) { return; }
  var sum = 0.0;
  for (var dz = 0u; dz < strideZ; dz++) {
    for (var dy = 0u; dy < strideY; dy++) {
      let row = ((plane * depth + at.z * strideZ + dz) * height + at.y * strideY + dy) * width;
      for (var dx = 0u; dx < strideX; dx++) { sum += x[xBase + row + at.x * strideX + dx]; }
    }
  }
  y[yBase + i] = sum / f32(strideZ * strideY * strideX);
}
