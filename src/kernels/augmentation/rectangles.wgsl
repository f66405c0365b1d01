// Each rectangle becomes its own mean, one after the other as they may overlap. One workgroup: there are few, and small.

struct Rectangle { start: vec3u, size: vec3u }

struct Parameters {
  shape: vec3u,
  count: u32,
  rectangles: array<Rectangle, 4>,
}

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<uniform> p: Parameters;

const WORKGROUP_SIZE = 64u;

var<workgroup> sums: array<f32, WORKGROUP_SIZE>;

fn voxelOf(rectangle: Rectangle, i: u32) -> u32 {
  let size = rectangle.size;
  let at = rectangle.start + vec3u(i / (size.y * size.z), (i / size.z) % size.y, i % size.z);
  return (at.x * p.shape.y + at.y) * p.shape.z + at.z;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn flatten(@builtin(local_invocation_index) lane: u32) {
  for (var r = 0u; r < p.count; r++) {
    let rectangle = p.rectangles[r];
    let voxels = rectangle.size.x * rectangle.size.y * rectangle.size.z;
    // What a sum loses in its last bits is added to the next term (Kahan).
    var sum = 0.0;
    var lost = 0.0;
    for (var i = lane; i < voxels; i += WORKGROUP_SIZE) {
      let term = x[voxelOf(rectangle, i)] - lost;
      let next = sum + term;
      lost = (next - sum) - term;
      sum = next;
    }
    sums[lane] = sum;
    workgroupBarrier();
    for (var reach = WORKGROUP_SIZE / 2u; reach > 0u; reach /= 2u) {
      if (lane < reach) { sums[lane] += sums[lane + reach]; }
      workgroupBarrier();
    }
    let mean = sums[0] / f32(voxels);
    for (var i = lane; i < voxels; i += WORKGROUP_SIZE) { x[voxelOf(rectangle, i)] = mean; }
    storageBarrier();
    workgroupBarrier();
  }
}
