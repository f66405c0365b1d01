// The box around a volume, which NiiVue's 3D view is drawn on and its slices are measured by.
import type { Niivue, NVImage } from '@niivue/niivue';

type VolumeBox = NonNullable<Niivue['volumeObject3D']>;

/** Corners are numbered by bits: 1 for the right, 2 for the front, 4 for the top. Seen from outside faces go clockwise. */
const FACES = [
  [4, 6, 7, 5],
  [0, 1, 3, 2],
  [2, 3, 7, 6],
  [0, 4, 5, 1],
  [1, 5, 7, 3],
  [0, 2, 6, 4],
] as const;

/** Floats of a corner: its position in mm, and where it is in the texture. */
const FLOATS_PER_CORNER = 6;

export function volumeBox(gl: WebGL2RenderingContext, id: number, volume: NVImage): VolumeBox {
  const { dimsRAS, pixDimsRAS, matRAS } = volume;
  if (!dimsRAS || !pixDimsRAS || !matRAS) throw new Error('volumeBox: the volume has no place');
  const corners = Array.from({ length: 8 }, (_, bits) => {
    const texture = [bits & 1, (bits >> 1) & 1, bits >> 2] as const;
    const voxel = texture.map((end, axis) => end * dimsRAS[axis + 1] - 0.5);
    const mm = [0, 1, 2].map(
      (row) =>
        matRAS[4 * row] * voxel[0] +
        matRAS[4 * row + 1] * voxel[1] +
        matRAS[4 * row + 2] * voxel[2] +
        matRAS[4 * row + 3],
    );
    return { mm, texture };
  });
  const along = (axis: number) => corners.map(({ mm }) => mm[axis]);
  const extentsMin = [0, 1, 2].map((axis) => Math.min(...along(axis)));
  const extentsMax = [0, 1, 2].map((axis) => Math.max(...along(axis)));
  const origin = turningPoint(extentsMin, extentsMax);
  const distances = corners.map(({ mm }) => Math.hypot(...mm.map((value, axis) => value - origin[axis])));
  const indices = FACES.flatMap(([a, b, c, d]) => [a, b, c, c, d, a]);
  return {
    ...buffers(
      gl,
      corners.flatMap(({ mm, texture }) => [...mm, ...texture]),
      indices,
    ),
    sphereIdx: [],
    sphereVtx: [],
    renderShaders: [],
    isVisible: true,
    isPickable: true,
    indexCount: indices.length,
    mode: gl.TRIANGLES,
    glFlags: 0,
    id,
    colorId: [(id & 255) / 255, ((id >> 8) & 255) / 255, ((id >> 16) & 255) / 255, ((id >> 24) & 255) / 255],
    modelMatrix: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    scale: [1, 1, 1],
    position: [0, 0, 0],
    rotation: [0, 0, 0],
    rotationRadians: 0,
    extentsMin,
    extentsMax,
    furthestVertexFromOrigin: Math.max(...distances),
    originNegate: [-origin[0], -origin[1], -origin[2]],
    fieldOfViewDeObliqueMM: [
      dimsRAS[1] * pixDimsRAS[1],
      dimsRAS[2] * pixDimsRAS[2],
      dimsRAS[3] * pixDimsRAS[3],
    ],
  };
}

/** The world's origin if it lies in the volume, else the middle of the volume. */
function turningPoint(min: readonly number[], max: readonly number[]): readonly number[] {
  if (min.every((low, axis) => low <= 0 && max[axis] >= 0)) return [0, 0, 0];
  return min.map((low, axis) => (low + max[axis]) / 2);
}

function buffers(
  gl: WebGL2RenderingContext,
  corners: readonly number[],
  indices: readonly number[],
): Pick<VolumeBox, 'vao' | 'vertexBuffer' | 'indexBuffer'> {
  const vao = gl.createVertexArray();
  const [vertexBuffer, indexBuffer] = [gl.createBuffer(), gl.createBuffer()];
  const stride = FLOATS_PER_CORNER * Float32Array.BYTES_PER_ELEMENT;
  gl.bindVertexArray(vao);
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, indexBuffer);
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, new Uint16Array(indices), gl.STATIC_DRAW);
  gl.bindBuffer(gl.ARRAY_BUFFER, vertexBuffer);
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(corners), gl.STATIC_DRAW);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 3, gl.FLOAT, false, stride, 0);
  gl.enableVertexAttribArray(1);
  gl.vertexAttribPointer(1, 3, gl.FLOAT, false, stride, stride / 2);
  gl.bindVertexArray(null);
  return { vao, vertexBuffer, indexBuffer };
}
