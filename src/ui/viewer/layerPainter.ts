// Paints an image and its labels into the two 3D textures that NiiVue draws slices and the 3D view from. In place of
// NiiVue's own way, which mixes the colours of neighbouring label values from 65 labels on, takes no more of them than
// a texture is wide, and uploads every voxel again whenever a window or a colour changes. Here voxels are uploaded once
// and each label value has one entry in a table that is never interpolated.
import type { Affine } from '@/core/io/orientation';
import type { Xyz } from '@/shared/geometry';
import type { DisplayLabels, DisplayVolume, IntensityWindow } from '@/workers/files/api';

/** One entry a label value, up to the highest there can be: 256 × 256 entries of red, green, blue and opacity. */
const TABLE_EDGE = 256;
export const COLOR_TABLE_BYTES = 4 * TABLE_EDGE * TABLE_EDGE;

/** From a voxel of the painted texture to the voxel that it shows. */
export type VoxelMap = Affine;

type Voxels = DisplayVolume['voxels'] | DisplayLabels['voxels'];

const VERTEX = `#version 300 es
// One triangle over the whole slice.
void main() {
  gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0);
}`;

/** Which voxel a fragment shows; outside the volume there is none. */
const VOXEL_AT = `
precision highp float;
precision highp int;
uniform mat4 toVoxel;
uniform int slice;
out vec4 color;
ivec3 voxelHere() {
  return ivec3(floor((toVoxel * vec4(floor(gl_FragCoord.xy), float(slice), 1.0)).xyz + 0.5));
}
bool isOutside(ivec3 voxel, ivec3 size) {
  return any(lessThan(voxel, ivec3(0))) || any(greaterThanEqual(voxel, size));
}`;

/** Intensities in their window, black to white. The 3D view sees through what is dark. */
const grayShader = (sampler: string) => `#version 300 es
${VOXEL_AT}
uniform highp ${sampler} voxels;
uniform vec2 window;
const float DENSEST = 0.5;
void main() {
  ivec3 voxel = voxelHere();
  if (isOutside(voxel, textureSize(voxels, 0))) { color = vec4(0.0); return; }
  float value = float(texelFetch(voxels, voxel, 0).r);
  float brightness = clamp((value - window.x) / (window.y - window.x), 0.0, 1.0);
  color = vec4(vec3(brightness), brightness * DENSEST);
}`;

const COLOR_SHADER = `#version 300 es
${VOXEL_AT}
uniform highp usampler3D voxels;
void main() {
  color = vec4(texelFetch(voxels, voxelHere(), 0)) / 255.0;
}`;

/** The colour of each label; of outlines only the voxels with another label beside them. */
const LABEL_SHADER = `#version 300 es
${VOXEL_AT}
uniform highp usampler3D voxels;
uniform highp sampler2D table;
uniform float opacity;
uniform bool isOutline;
uint labelAt(ivec3 voxel) {
  return texelFetch(voxels, clamp(voxel, ivec3(0), textureSize(voxels, 0) - 1), 0).r;
}
bool isInside(ivec3 voxel, uint label) {
  for (int axis = 0; axis < 3; axis++) {
    ivec3 step = ivec3(0);
    step[axis] = 1;
    if (labelAt(voxel - step) != label || labelAt(voxel + step) != label) return false;
  }
  return true;
}
void main() {
  ivec3 voxel = voxelHere();
  color = vec4(0.0);
  if (isOutside(voxel, textureSize(voxels, 0))) return;
  uint label = labelAt(voxel);
  if (label == 0u || (isOutline && isInside(voxel, label))) return;
  vec4 entry = texelFetch(table, ivec2(label & 255u, label >> 8u), 0);
  color = vec4(entry.rgb, entry.a * (isOutline ? sign(opacity) : opacity));
}`;

/** Voxels on the GPU, and how they are painted. */
interface Layer {
  readonly texture: WebGLTexture;
  readonly program: WebGLProgram;
  readonly toVoxel: VoxelMap;
}

/** Texture units that NiiVue uses only where it grows regions. */
const VOXEL_UNIT = 13;
const TABLE_UNIT = 14;

export class LayerPainter {
  private readonly gl: WebGL2RenderingContext;
  private readonly programs = new Map<string, WebGLProgram>();
  private readonly table: WebGLTexture;
  private image: Layer | undefined;
  private labels: Layer | undefined;

  constructor(gl: WebGL2RenderingContext) {
    this.gl = gl;
    this.table = gl.createTexture();
    gl.activeTexture(gl.TEXTURE0 + TABLE_UNIT);
    gl.bindTexture(gl.TEXTURE_2D, this.table);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, TABLE_EDGE, TABLE_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  }

  /** Uploads an image in place of the one before. */
  setImage({ voxels, shape }: DisplayVolume, toVoxel: VoxelMap): void {
    this.image = this.replaced(this.image, voxels, shape, toVoxel, imageShader(voxels));
  }

  /** Uploads labels in place of those before. */
  setLabels({ voxels, shape }: DisplayLabels, toVoxel: VoxelMap): void {
    this.labels = this.replaced(this.labels, voxels, shape, toVoxel, LABEL_SHADER);
  }

  dropImage(): void {
    if (this.image) this.gl.deleteTexture(this.image.texture);
    this.image = undefined;
  }

  dropLabels(): void {
    if (this.labels) this.gl.deleteTexture(this.labels.texture);
    this.labels = undefined;
  }

  /** Paints the image into `target`, RGBA8 of `size` voxels. */
  paintImage(target: WebGLTexture, size: Xyz, { low, high }: IntensityWindow): void {
    if (!this.image) return;
    this.paint(this.image, target, size, (at) => this.gl.uniform2f(at('window'), low, high));
  }

  /** Paints the labels by `colors`, {@link COLOR_TABLE_BYTES} long: four bytes a label value. */
  paintLabels(target: WebGLTexture, size: Xyz, style: LabelPaint): void {
    const { gl, labels } = this;
    if (!labels) return;
    gl.activeTexture(gl.TEXTURE0 + TABLE_UNIT);
    gl.bindTexture(gl.TEXTURE_2D, this.table);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, TABLE_EDGE, TABLE_EDGE, gl.RGBA, gl.UNSIGNED_BYTE, style.colors);
    this.paint(labels, target, size, (at) => {
      gl.uniform1i(at('table'), TABLE_UNIT);
      gl.uniform1f(at('opacity'), style.opacity);
      gl.uniform1i(at('isOutline'), style.isOutline ? 1 : 0);
    });
  }

  private replaced(
    before: Layer | undefined,
    voxels: Voxels,
    shape: Xyz,
    toVoxel: VoxelMap,
    fragment: string,
  ): Layer {
    if (before) this.gl.deleteTexture(before.texture);
    return { texture: this.upload(voxels, shape), program: this.programOf(fragment), toVoxel };
  }

  private upload(voxels: Voxels, [width, height, depth]: Xyz): WebGLTexture {
    const { gl } = this;
    const texture = gl.createTexture();
    gl.activeTexture(gl.TEXTURE0 + VOXEL_UNIT);
    gl.bindTexture(gl.TEXTURE_3D, texture);
    gl.texParameteri(gl.TEXTURE_3D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_3D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    const isColor = voxels.length === 4 * width * height * depth;
    const { stored, format, type } = layoutOf(gl, voxels, isColor);
    gl.texStorage3D(gl.TEXTURE_3D, 1, stored, width, height, depth);
    gl.texSubImage3D(gl.TEXTURE_3D, 0, 0, 0, 0, width, height, depth, format, type, voxels);
    return texture;
  }

  /** Slice by slice: a 3D texture has one layer attached at a time. */
  private paint(
    { texture, program, toVoxel }: Layer,
    target: WebGLTexture,
    [width, height, depth]: Xyz,
    setUniforms: (at: (name: string) => WebGLUniformLocation | null) => void,
  ): void {
    const { gl } = this;
    const at = (name: string) => gl.getUniformLocation(program, name);
    const framebuffer = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
    gl.bindVertexArray(null);
    gl.disable(gl.CULL_FACE);
    gl.disable(gl.BLEND);
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.SCISSOR_TEST);
    gl.viewport(0, 0, width, height);
    gl.activeTexture(gl.TEXTURE0 + VOXEL_UNIT);
    gl.bindTexture(gl.TEXTURE_3D, texture);
    // biome-ignore lint/correctness/useHookAtTopLevel: WebGL's own name
    gl.useProgram(program);
    gl.uniform1i(at('voxels'), VOXEL_UNIT);
    gl.uniformMatrix4fv(at('toVoxel'), true, [...toVoxel.flat(), 0, 0, 0, 1]);
    setUniforms(at);
    const slice = at('slice');
    for (let z = 0; z < depth; z++) {
      gl.framebufferTextureLayer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, target, 0, z);
      gl.uniform1i(slice, z);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.deleteFramebuffer(framebuffer);
    gl.viewport(0, 0, gl.canvas.width, gl.canvas.height);
  }

  private programOf(fragment: string): WebGLProgram {
    const known = this.programs.get(fragment);
    if (known) return known;
    const program = linkedProgram(this.gl, fragment);
    this.programs.set(fragment, program);
    return program;
  }
}

export interface LabelPaint {
  readonly colors: Uint8Array;
  /** 0…1. */
  readonly opacity: number;
  readonly isOutline: boolean;
}

function imageShader(voxels: DisplayVolume['voxels']): string {
  if (voxels instanceof Uint8Array) return COLOR_SHADER;
  return grayShader(voxels instanceof Int16Array ? 'isampler3D' : 'sampler3D');
}

function layoutOf(gl: WebGL2RenderingContext, voxels: Voxels, isColor: boolean) {
  if (isColor) return { stored: gl.RGBA8UI, format: gl.RGBA_INTEGER, type: gl.UNSIGNED_BYTE };
  if (voxels instanceof Uint8Array)
    return { stored: gl.R8UI, format: gl.RED_INTEGER, type: gl.UNSIGNED_BYTE };
  if (voxels instanceof Uint16Array)
    return { stored: gl.R16UI, format: gl.RED_INTEGER, type: gl.UNSIGNED_SHORT };
  if (voxels instanceof Int16Array) return { stored: gl.R16I, format: gl.RED_INTEGER, type: gl.SHORT };
  return { stored: gl.R32F, format: gl.RED, type: gl.FLOAT };
}

function linkedProgram(gl: WebGL2RenderingContext, fragment: string): WebGLProgram {
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, fragment],
  ] as const) {
    const shader = gl.createShader(type);
    if (!shader) throw new Error('LayerPainter: the graphics context is lost');
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost())
    throw new Error(`LayerPainter: ${gl.getProgramInfoLog(program)}`);
  return program;
}
