// Some bytes of the packed target of one head: labels of the nearest voxels, flipped as the image is. One thread per word
// of four; a word begun by the bytes before keeps them.

struct Parameters {
  // Of the label patches.
  patchShape: vec3u,
  // Of the batch, whose labels are bound first.
  firstSample: u32,
  // Of the target.
  shape: vec3u,
  bytesPerVoxel: u32,
  // Elements from one label patch to the next.
  labelStride: u32,
  // Of the whole target.
  firstByte: u32,
  endByte: u32,
  // Words bound before the one that holds the first byte.
  wordBase: u32,
}

@group(0) @binding(0) var<storage, read> labels: array<i32>;
// Per sample and axis.
@group(0) @binding(1) var<storage, read> flips: array<vec4u>;
// Per label and byte of a voxel: what the byte is.
@group(0) @binding(2) var<storage, read> bytes: array<u32>;
// Voxels of the patch by axis z, y, x of the target, one after the other.
@group(0) @binding(3) var<storage, read> nearest: array<u32>;
@group(0) @binding(4) var<storage, read_write> destination: array<u32>;
@group(0) @binding(5) var<uniform> p: Parameters;

const WORKGROUP_SIZE = 64u;
const LABELS = 256;

fn labelOf(sample: u32, voxel: u32) -> i32 {
  let at = vec3u(
    nearest[voxel / (p.shape.y * p.shape.z)],
    nearest[p.shape.x + (voxel / p.shape.z) % p.shape.y],
    nearest[p.shape.x + p.shape.y + voxel % p.shape.z],
  );
  let seen = select(at, p.patchShape - 1u - at, flips[sample].xyz == vec3u(1u));
  return labels[(sample - p.firstSample) * p.labelStride + (seen.x * p.patchShape.y + seen.y) * p.patchShape.z + seen.z];
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn packTarget(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let word = (group.y * groups.x + group.x) * WORKGROUP_SIZE + lane;
  let voxels = p.shape.x * p.shape.y * p.shape.z;
  let start = (p.firstByte / 4u + word) * 4u;
  if (start >= p.endByte) { return; }
  var result = 0u;
  if (start < p.firstByte) { result = destination[p.wordBase + word] & ((1u << (8u * (p.firstByte - start))) - 1u); }
  for (var i = 0u; i < 4u; i++) {
    let at = start + i;
    if (at < p.firstByte || at >= p.endByte) { continue; }
    let place = at / p.bytesPerVoxel;
    let label = labelOf(place / voxels, place % voxels);
    let byte = at % p.bytesPerVoxel;
    result |= bytes[u32(clamp(label, 0, LABELS - 1)) * p.bytesPerVoxel + byte] << (8u * i); // −1 is background
  }
  destination[p.wordBase + word] = result;
}
