// What people hand over as plans that is none, or of another version, said with what to do.
import type { z } from 'zod';
import { validate } from '@/core/interop/json';
import { StudioError } from '@/shared/errors';

/** What to do about a value of plans. */
export const PLANS_REMEDY = 'Correct the value, or plan the dataset again (plan_experiment).';

/** A whole plans file as the schema has it. Throws `BadPlans` with what is wrong and what to do. */
export function validatePlans<Schema extends z.ZodType>(
  schema: Schema,
  json: unknown,
  file: string,
): z.output<Schema> {
  const fault = schema.safeParse(json).success ? undefined : plansFault(json);
  if (fault) throw new StudioError('BadPlans', `${file}: ${fault.what}.`, fault.remedy);
  return validate(schema, json, file, 'BadPlans', PLANS_REMEDY);
}

/** A sentence about what the file is, and what to do; `undefined` where it may be plans with a wrong value. */
function plansFault(json: unknown): { readonly what: string; readonly remedy: string } | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const has = (key: string) => key in json;
  if (has('plans_per_stage')) {
    return {
      what: 'these are plans of nnU-Net 1, which has another form of networks',
      remedy: 'Plan the dataset again with nnU-Net 2 (plan_experiment).',
    };
  }
  if (has('labels') && (has('channel_names') || has('modality'))) {
    return {
      what: 'this is a dataset.json',
      remedy: 'Take the plans, such as nnUNetPlans.json or plans.json.',
    };
  }
  if (has('shapes_after_crop')) {
    return {
      what: 'this is a dataset_fingerprint.json',
      remedy: 'Take the plans that plan_experiment makes of it, such as nnUNetPlans.json.',
    };
  }
  if (has('patch_size') && !has('configurations')) {
    return {
      what: 'this is one configuration; plans hold theirs in "configurations"',
      remedy:
        'Write {"plans_name": "nnUNetPlans", "configurations": {"3d_fullres": { … }}, …}, or take the whole file.',
    };
  }
  if (!has('configurations')) {
    return {
      what: `configurations is missing; the file has ${Object.keys(json).slice(0, 8).join(', ') || 'no keys'}`,
      remedy: 'Take a plans file as plan_experiment writes it.',
    };
  }
  return undefined;
}
