import { readPlans } from '@/core/planning/readPlans';
import { formatNetworkXyz } from '@/shared/geometry';

/** A configuration that can be preprocessed. */
export interface PreprocessChoice {
  readonly configuration: string;
  /** What its arrays are, in words. */
  readonly text: string;
  /** Another configuration whose arrays it uses; then there is nothing to do for it. */
  readonly sharedWith: string | undefined;
}

/** The configurations of a plans file, in its order. */
export function preprocessChoices(plansText: string, plansName: string): readonly PreprocessChoice[] {
  const { configurations, transposeBackward } = readPlans(plansText, `${plansName}.json`);
  const owners = new Map<string, string>();
  return Object.values(configurations).map(({ name, dataIdentifier, spacing }) => {
    const sharedWith = owners.get(dataIdentifier);
    if (sharedWith === undefined) owners.set(dataIdentifier, name);
    const rounded = spacing.map((value) => Number(value.toPrecision(4)));
    const millimetres = formatNetworkXyz(rounded, transposeBackward);
    const text = `Voxels of ${millimetres} mm${spacing.length === 2 ? ', slice by slice' : ''}`;
    return { configuration: name, text, sharedWith };
  });
}
