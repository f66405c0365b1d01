import type { AnyPlans } from './anyPlans';

/** Where plans go. */
export interface PlansTarget {
  /** `DatasetXXX_Name`. */
  readonly datasetName: string;
  /** Plans name there; the old one if left out. */
  readonly plansName?: string | undefined;
  /** nnU-Net's reader of the target's files. */
  readonly reader: string;
}

/**
 * Plans of one dataset for another: topology, spacings and intensity statistics stay. Under a new name the folders of
 * preprocessed data are renamed too.
 *
 * Follows nnU-Net's `move_plans_between_datasets`.
 */
export function movePlans(plans: AnyPlans, { datasetName, plansName, reader }: PlansTarget): AnyPlans {
  const newName = plansName ?? plans.plans_name;
  const rename = (identifier: string) =>
    identifier.startsWith(plans.plans_name)
      ? newName + identifier.slice(plans.plans_name.length)
      : `${newName}_${identifier}`;
  const configurations = Object.fromEntries(
    Object.entries(plans.configurations).map(([name, configuration]) => {
      const identifier = configuration.data_identifier;
      const isRenamed = newName !== plans.plans_name && typeof identifier === 'string';
      return [name, isRenamed ? { ...configuration, data_identifier: rename(identifier) } : configuration];
    }),
  );
  return {
    ...plans,
    dataset_name: datasetName,
    plans_name: newName,
    image_reader_writer: reader,
    configurations,
  };
}
