// Plans as they lie in a file, whoever wrote them: what is passed on is kept, known or not.
import { z } from 'zod';
import { parseJson } from '@/core/interop/json';
import type { PlansDocument } from './plansDocument';
import { validatePlans } from './plansFaults';

const anyPlansSchema = z.looseObject({
  plans_name: z.string(),
  configurations: z.record(z.string(), z.record(z.string(), z.unknown())),
});

export type AnyPlans = z.output<typeof anyPlansSchema>;

/** Reads a plans file to be passed on. Throws `BadJson` or `BadPlans`. */
export function readAnyPlans(text: string, file: string): AnyPlans {
  return validatePlans(anyPlansSchema, parseJson(text, file), file);
}

/** New plans with the configurations of old ones that the planner does not make, as nnU-Net saves them. */
export function withKeptConfigurations(plans: PlansDocument, existing: AnyPlans | undefined): AnyPlans {
  const made = plans.configurations;
  const kept = Object.entries(existing?.configurations ?? {}).filter(([name]) => !Object.hasOwn(made, name));
  const own = Object.entries(made).map(([name, configuration]) => [name, { ...configuration }] as const);
  return { ...plans, configurations: Object.fromEntries([...own, ...kept]) };
}
