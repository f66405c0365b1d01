import type { Zyx } from '@/shared/geometry';
import type { Random } from '@/shared/random';
import { channelOf, type ImagePatch } from './patch';

export interface RemoveComponentRule {
  readonly probability: number;
  readonly labelProbability: number;
}

export interface ComponentRemoval {
  /** Which of the one-hot channels. */
  readonly label: number;
  /** In [0, 1): which of the components that are small enough. */
  readonly choice: number;
}

/** A component of this share of the patch or more stays. */
const LARGEST_SHARE = 0.15;

/** Follows batchgeneratorsv2's `RemoveRandomConnectedComponentFromOneHotEncodingTransform`, which fills nothing in here. */
export function drawRemoveComponent(
  random: Random,
  { probability, labelProbability }: RemoveComponentRule,
  labelCount: number,
): ComponentRemoval[] {
  if (random.uniform() >= probability) return [];
  return Array.from({ length: labelCount }, (_, label) => label)
    .filter(() => random.uniform() < labelProbability)
    .map((label) => ({ label, choice: random.uniform() }));
}

/** Erases one component, voxels that touch at a corner being one. */
export function applyRemoveComponent(oneHot: ImagePatch, { label, choice }: ComponentRemoval): void {
  const plane = channelOf(oneHot, label);
  const components = connectedComponents(plane, oneHot.shape);
  const small = components.filter((voxels) => voxels.length < plane.length * LARGEST_SHARE);
  for (const voxel of small[Math.floor(choice * small.length)] ?? []) plane[voxel] = 0;
}

/** Voxels of each component, in the order of their first voxels. */
function connectedComponents(plane: Float32Array, shape: Zyx): number[][] {
  const isSeen = new Uint8Array(plane.length);
  const components: number[][] = [];
  for (let start = 0; start < plane.length; start++) {
    if (!plane[start] || isSeen[start]) continue;
    const voxels = [start];
    isSeen[start] = 1;
    // The list grows while it is walked.
    for (let i = 0; i < voxels.length; i++) {
      forEachNeighbour(voxels[i], shape, (neighbour) => {
        if (!plane[neighbour] || isSeen[neighbour]) return;
        isSeen[neighbour] = 1;
        voxels.push(neighbour);
      });
    }
    components.push(voxels);
  }
  return components;
}

/** The voxel itself too. */
function forEachNeighbour(
  voxel: number,
  [depth, height, width]: Zyx,
  visit: (neighbour: number) => void,
): void {
  const x = voxel % width;
  const y = Math.floor(voxel / width) % height;
  const z = Math.floor(voxel / (width * height));
  for (let cz = Math.max(z - 1, 0); cz <= Math.min(z + 1, depth - 1); cz++) {
    for (let cy = Math.max(y - 1, 0); cy <= Math.min(y + 1, height - 1); cy++) {
      for (let cx = Math.max(x - 1, 0); cx <= Math.min(x + 1, width - 1); cx++) {
        visit((cz * height + cy) * width + cx);
      }
    }
  }
}
