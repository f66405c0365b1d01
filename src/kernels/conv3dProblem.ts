import type { Zyx } from '@/shared/geometry';
import type { Conv3dPart, Conv3dShape } from './conv3dShape';
import type { FeatureDtype } from './storage';

/** What the source of one dispatch depends on. */
export interface Conv3dProblem {
  readonly shape: Conv3dShape;
  readonly outputSize: Zyx;
  readonly part: Conv3dPart;
  /** First element of each array that is bound; indices in the shader start there. */
  readonly xBase: number;
  readonly yBase: number;
  readonly weightBase: number;
  readonly biasBase: number;
  /** Elements bound of `x` and of `y` before the first that the part touches. */
  readonly xSkip: number;
  readonly ySkip: number;
  /** Add to what `y` holds. */
  readonly accumulate: boolean;
  readonly hasBias: boolean;
  /** `read_write` where `x` shares its buffer with `y`: one buffer may not be bound both ways. */
  readonly xAccess: 'read' | 'read_write';
  readonly xStorage: FeatureDtype;
  readonly yStorage: FeatureDtype;
}
