// A weight `[out, in, taps]` as kernels read it. `out` and `in` are those of the kernel that reads: a gradient's are the
// other way round in the raw weight, and its taps backwards.

override workgroupSize: u32;
override isFlipped: bool;
// Of the layout in blocks.
override outBlock: u32;
// Of the layout in chunks.
override isWinograd: bool;

struct Sizes {
  count: u32, // threads
  outChannels: u32,
  inChannels: u32,
  rowTaps: u32, // kz · ky
  columnTaps: u32, // kx
  rawStart: u32, // element of out 0, in 0
  rawOut: u32, // elements from one to the next
  rawIn: u32,
  // Of the layout in chunks.
  chunkSize: u32,
  headerSize: u32,
  runs: u32,
  runStep: u32,
  perChannel: u32,
  batch: u32,
  depth: u32,
  height: u32,
  width: u32,
  outDepth: u32,
  outHeight: u32,
  outWidth: u32,
}

@group(0) @binding(0) var<storage, read> raw: array<f32>;
@group(0) @binding(1) var<storage, read_write> packed: array<f32>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

fn weightAt(out: u32, channel: u32, rowTap: u32, columnTap: u32) -> f32 {
  let taps = sizes.rowTaps * sizes.columnTaps;
  let tap = rowTap * sizes.columnTaps + columnTap;
  return raw[sizes.rawStart + out * sizes.rawOut + channel * sizes.rawIn + select(tap, taps - 1 - tap, isFlipped)];
}

// `[out / outBlock, in, tap, outBlock]`
@compute @workgroup_size(workgroupSize)
fn blocks(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * workgroupSize + lane;
  if (i >= sizes.count) { return; }
  let taps = sizes.rowTaps * sizes.columnTaps;
  let tap = i / outBlock % taps;
  let channel = i / (outBlock * taps) % sizes.inChannels;
  let out = i / (outBlock * taps * sizes.inChannels) * outBlock + i % outBlock;
  var value = 0.0;
  if (out < sizes.outChannels) { value = weightAt(out, channel, tap / sizes.columnTaps, tap % sizes.columnTaps); }
  packed[i] = value;
}

fn headerValue(i: u32, firstOut: u32, firstIn: u32, inCount: u32) -> u32 {
  switch (i) {
    case 0: { return sizes.batch; }
    case 1: { return sizes.inChannels; }
    case 2: { return sizes.outChannels; }
    case 3: { return firstOut; }
    case 4: { return sizes.depth; }
    case 5: { return sizes.height; }
    case 6: { return sizes.width; }
    case 7: { return firstIn; }
    case 8: { return sizes.outDepth; }
    case 9: { return sizes.outHeight; }
    case 10: { return sizes.outWidth; }
    case 11: { return inCount; }
    default: { return 0; }
  }
}

// Winograd's F(4, 3) of the three taps of a row.
fn transformed(m: u32, a: f32, b: f32, c: f32) -> f32 {
  switch (m) {
    case 0: { return a; }
    case 1: { return -(40.5 * a + 27.0 * b + 18.0 * c) / 65.0; }
    case 2: { return (27.0 * b - 40.5 * a - 18.0 * c) / 65.0; }
    case 3: { return (8.0 * a + 12.0 * b + 18.0 * c) / 65.0; }
    case 4: { return (8.0 * a - 12.0 * b + 18.0 * c) / 65.0; }
    default: { return c; }
  }
}

// Per block of outputs and run of inputs a chunk: a header, then `[in, column tap, outBlock, row tap]`. One thread per
// number of the header, and per row of taps; what no kernel reads is left as it is.
@compute @workgroup_size(workgroupSize)
fn chunks(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * workgroupSize + lane;
  if (i >= sizes.count) { return; }
  let rows = outBlock * sizes.rowTaps; // of one input channel
  let threads = sizes.headerSize + sizes.runStep * rows; // of one chunk
  let chunk = i / threads;
  let at = i % threads;
  let firstOut = chunk / sizes.runs * outBlock;
  let firstIn = chunk % sizes.runs * sizes.runStep;
  let inCount = min(sizes.runStep, sizes.inChannels - firstIn);
  if (at < sizes.headerSize) {
    packed[chunk * sizes.chunkSize + at] = f32(headerValue(at, firstOut, firstIn, inCount));
    return;
  }
  let channel = (at - sizes.headerSize) / rows;
  if (channel >= inCount) { return; }
  let row = (at - sizes.headerSize) % rows;
  let out = firstOut + row / sizes.rowTaps;
  let rowTap = row % sizes.rowTaps;
  let start = chunk * sizes.chunkSize + sizes.headerSize + channel * sizes.perChannel + row;
  let isOut = out < sizes.outChannels;
  if (isWinograd) {
    var taps = vec3f(0.0);
    if (isOut) {
      let source = firstIn + channel;
      taps = vec3f(weightAt(out, source, rowTap, 0), weightAt(out, source, rowTap, 1), weightAt(out, source, rowTap, 2));
    }
    for (var m = 0u; m < 6; m++) { packed[start + m * rows] = transformed(m, taps.x, taps.y, taps.z); }
    return;
  }
  for (var columnTap = 0u; columnTap < sizes.columnTaps; columnTap++) {
    var value = 0.0;
    if (isOut) { value = weightAt(out, firstIn + channel, rowTap, columnTap); }
    packed[start + columnTap * rows] = value;
  }
}

// Per block of outputs `[in, tap, outBlock]`, each input channel filled up to `perChannel` elements.
@compute @workgroup_size(workgroupSize)
fn rows(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * workgroupSize + lane;
  if (i >= sizes.count) { return; }
  let at = i % sizes.chunkSize;
  let channel = at / sizes.perChannel;
  let tap = at % sizes.perChannel / outBlock;
  let out = i / sizes.chunkSize * outBlock + at % sizes.perChannel % outBlock;
  var value = 0.0;
  if (channel < sizes.inChannels && tap < sizes.columnTaps && out < sizes.outChannels) {
    value = weightAt(out, channel, 0, tap);
  }
  packed[i] = value;
}
