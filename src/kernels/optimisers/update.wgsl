// What the optimisers' updates share: parameters and gradients of one layout, four elements at a time.

const LANES = 64u;

override chunkVectors: u32; // of one workgroup
override weightDecay: f32;

struct Sizes {
  vectors: u32, // of the arrays bound
}

@group(0) @binding(0) var<storage, read> control: Control;
@group(0) @binding(1) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(2) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(7) var<uniform> sizes: Sizes;

fn chunkOf(group: vec3u, groups: vec3u) -> u32 {
  return (group.y * groups.x + group.x) * chunkVectors;
}

fn endOf(start: u32) -> u32 {
  return min(start + chunkVectors, sizes.vectors);
}
