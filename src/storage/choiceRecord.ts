import type { TrainedModel } from '@/core/evaluation/inferenceInstructions';
import type { LabelOrRegion } from '@/core/evaluation/metrics';
import type { PostprocessingStep } from '@/core/postprocessing/steps';

/** A model or an ensemble of two with its cross-validation Dice. */
export interface ChoiceScore {
  /** The name of its folder. */
  readonly name: string;
  readonly models: readonly TrainedModel[];
  readonly meanDice: number;
  /** In the order of the labels. */
  readonly labelDice: readonly number[];
  readonly cases: number;
}

/** A step of postprocessing that was tried. */
interface ChoiceTrial {
  readonly step: PostprocessingStep;
  readonly diceBefore: number;
  readonly diceAfter: number;
  readonly isAccepted: boolean;
}

/** What finding the best configuration of a dataset came to. Its files lie in `results/<dataset>`. */
export interface ChoiceRecord {
  /** The key. */
  readonly datasetName: string;
  /** Milliseconds since 1970. */
  readonly foundAt: number;
  readonly folds: readonly number[];
  readonly labels: readonly { readonly name: string; readonly values: LabelOrRegion }[];
  /** In nnU-Net's order: models, then ensembles. */
  readonly scores: readonly ChoiceScore[];
  /** Name of the best score. */
  readonly best: string;
  readonly postprocessing: {
    readonly steps: readonly PostprocessingStep[];
    readonly trials: readonly ChoiceTrial[];
    readonly diceAfter: number;
  };
  /** inference_instructions.txt. */
  readonly instructions: string;
  /** inference_information.json. */
  readonly information: string;
}
