// What all passes of a loss share. A sample is cut into chunks of voxels, one workgroup each; a chunk leaves one row of
// partial sums, and later passes add rows in their order, so that equal inputs give equal bits. A prelude names `scalar`,
// the type that logits and their gradient are stored in; all else is f32. A dispatch sees whole samples, or, where one
// exceeds a binding, some classes and voxels of one.

const LANES = 64u;
const CHUNK_VOXELS = 1024u;

struct Sizes {
  voxels: u32, // of a sample
  classes: u32,
  chunks: u32, // of a sample
  columns: u32, // of a row of sums: intersection, prediction and target of each Dice class, cross entropy, valid voxels
  firstDiceClass: u32,
  batch: u32, // samples of the whole loss
  samples: u32, // of this dispatch
  firstSample: u32, // of this dispatch, in the whole loss
  logitsBase: u32, // elements before the first class's first voxel in its binding
  gradientBase: u32,
  targetBase: u32, // bytes before the first voxel's target
  targetBytes: u32, // of a voxel
  ignored: u32, // ignored label; classes where regions have an ignore bit; NONE otherwise
  ranked: u32, // voxels that the top-k cross entropy keeps
  lossesBase: u32, // elements before the first voxel's loss in its binding
  weight: f32, // of this head
  firstClass: u32, // of this dispatch
  classCount: u32,
  firstVoxel: u32, // of this dispatch, where a chunk begins
  voxelCount: u32,
}

const NONE = 0xffffffffu;

@group(0) @binding(0) var<storage, read> logits: array<scalar>; // [n, k, voxels]
@group(0) @binding(1) var<storage, read> targetWords: array<u32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<scalar>; // [n, k, voxels]
@group(0) @binding(3) var<storage, read_write> partials: array<f32>; // [n, chunks, columns]
@group(0) @binding(4) var<storage, read_write> totals: array<f32>; // [n, columns]
// Factor of a voxel's cross entropy gradient, threshold and tie share of top k, 0; then of each sample and class the
// derivative of the Dice loss by a probability: `a · target + b`.
@group(0) @binding(5) var<storage, read_write> coefficients: array<f32>;
@group(0) @binding(8) var<storage, read> lossScale: array<f32>;
@group(0) @binding(9) var<uniform> sizes: Sizes;

const COEFFICIENTS_HEADER = 4u;

struct Chunk {
  sample: u32, // within the dispatch
  index: u32,
  start: u32, // voxel
  end: u32,
}

fn chunkOf(group: vec3u, groups: vec3u) -> Chunk {
  let id = group.y * groups.x + group.x;
  let chunks = (sizes.voxelCount + CHUNK_VOXELS - 1) / CHUNK_VOXELS;
  let index = sizes.firstVoxel / CHUNK_VOXELS + id % chunks;
  return Chunk(id / chunks, index, index * CHUNK_VOXELS, min((index + 1) * CHUNK_VOXELS, sizes.voxels));
}

fn rowOf(chunk: Chunk) -> u32 {
  return ((sizes.firstSample + chunk.sample) * sizes.chunks + chunk.index) * sizes.columns;
}

// A thread's voxel, where each has one.
struct Place {
  isInside: bool,
  sample: u32, // within the dispatch
  voxel: u32,
}

fn placeOf(group: vec3u, groups: vec3u, lane: u32) -> Place {
  let id = (group.y * groups.x + group.x) * LANES + lane;
  return Place(id < sizes.samples * sizes.voxelCount, id / sizes.voxelCount, sizes.firstVoxel + id % sizes.voxelCount);
}

fn logitsOf(sample: u32, voxel: u32) -> u32 {
  return sizes.logitsBase + sample * sizes.classes * sizes.voxels + voxel;
}

fn coefficientsOf(sample: u32) -> u32 {
  return COEFFICIENTS_HEADER + (sizes.firstSample + sample) * sizes.classes * 2;
}

fn lossIndex(sample: u32, voxel: u32) -> u32 {
  return sizes.lossesBase + sample * sizes.voxels + voxel - sizes.firstVoxel;
}

fn targetByte(index: u32) -> u32 {
  return (targetWords[index >> 2] >> ((index & 3) * 8)) & 255;
}

fn labelOf(sample: u32, voxel: u32) -> u32 {
  return targetByte(sizes.targetBase + sample * sizes.voxels + voxel - sizes.firstVoxel);
}

fn regionBit(sample: u32, voxel: u32, bit: u32) -> bool {
  let first = sizes.targetBase + (sample * sizes.voxels + voxel - sizes.firstVoxel) * sizes.targetBytes;
  return ((targetByte(first + (bit >> 3)) >> (bit & 7)) & 1) != 0;
}

fn isIgnoredRegion(sample: u32, voxel: u32) -> bool {
  return sizes.ignored != NONE && regionBit(sample, voxel, sizes.ignored);
}

// Some devices make a number of exp(NaN) and compile `x != x` away, so an overflow upstream could pass for a loss. A
// logit that is not finite is told by its bits, and makes NaN of what comes of it.
fn isFinite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000) != 0x7f800000;
}

fn notANumber(x: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(x) | 0x7fc00000);
}

var<workgroup> laneSums: array<vec3f, LANES>;

fn sumWorkgroup(lane: u32, own: vec3f) -> vec3f {
  workgroupBarrier();
  laneSums[lane] = own;
  workgroupBarrier();
  for (var reach = LANES / 2; reach > 0; reach /= 2) {
    if (lane < reach) { laneSums[lane] += laneSums[lane + reach]; }
    workgroupBarrier();
  }
  return laneSums[0];
}
