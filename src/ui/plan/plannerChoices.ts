import { PLANNERS } from '@/core/planning/planners';
import { WEBGPU_PLANNER_NAME } from '@/core/planning/webgpuPlanner';

/** Planners in the words of somebody who has to pick one. */
const WORDS: Readonly<Record<string, { readonly label: string; readonly sentence: string }>> = {
  ExperimentPlanner: {
    label: 'Default U-Net',
    sentence: 'Plain convolutions, planned for 8 GB of GPU memory: the network of the nnU-Net paper.',
  },
  ResEncUNetPlanner: {
    label: 'Residual encoder, first version',
    sentence: 'The older residual preset; M, L and XL have replaced it.',
  },
  nnUNetPlannerResEncM: {
    label: 'Residual encoder M',
    sentence: 'About the memory of the default U-Net, planned for 8 GB, and usually a little better.',
  },
  nnUNetPlannerResEncL: {
    label: 'Residual encoder L (nnU-Net recommends it)',
    sentence: 'Larger patches and batches, planned for 24 GB.',
  },
  nnUNetPlannerResEncXL: {
    label: 'Residual encoder XL',
    sentence: 'For 40 GB and large organs; more context, longer training.',
  },
  nnUNetPlanner_torchres: {
    label: 'Default U-Net, fast resampling',
    sentence: 'As the default, with linear resampling instead of splines.',
  },
  nnUNetPlannerResEncL_torchres: {
    label: 'Residual encoder L, fast resampling',
    sentence: 'As L, with linear resampling instead of splines.',
  },
  nnUNetPlannerResEncL_torchres_sepz: {
    label: 'Residual encoder L, fast resampling, z separately',
    sentence: 'As L, linear in the plane and nearest neighbour along a coarse axis.',
  },
  nnUNetPlannerResEncL_noResampling: {
    label: 'Residual encoder L, no resampling',
    sentence: 'As L, on voxels as they are: for data of one spacing.',
  },
};

const WEBGPU_WORDS = {
  label: 'For this GPU',
  sentence:
    "nnU-Net's rules, searched for the largest patch and widest network that fit this GPU's memory and your hours. Not nnU-Net's own, but it can read the plans.",
};

export interface PlannerGroup {
  readonly group: string;
  readonly items: readonly { readonly value: string; readonly label: string }[];
}

export const PLANNER_GROUPS: readonly PlannerGroup[] = [
  {
    group: 'Identical to nnU-Net',
    items: PLANNERS.map(({ name }) => ({ value: name, label: wordsFor(name).label })),
  },
  { group: 'For this computer', items: [{ value: WEBGPU_PLANNER_NAME, label: WEBGPU_WORDS.label }] },
];

export function wordsFor(planner: string): { readonly label: string; readonly sentence: string } {
  if (planner === WEBGPU_PLANNER_NAME) return WEBGPU_WORDS;
  return WORDS[planner] ?? { label: planner, sentence: '' };
}
