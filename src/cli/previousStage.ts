import type { ModelSource } from '@/app/models/openModelOnDisk';
import { openPreviousStage, type PreviousStage } from '@/app/segment/openPreviousStage';
import { StudioError } from '@/shared/errors';
import { modelRequest } from './modelSource';
import { type OptionSpec, type ParsedOptions, textOf, UsageError } from './options';

export const PREVIOUS_STAGE_OPTION: OptionSpec = {
  names: ['-prev_stage_predictions'],
  kind: 'text',
  value: 'FOLDER',
  description: 'for a cascade: segmentations of its first stage (default: its model is run first)',
};

/** As {@link openPreviousStage}, of what the options name. Messages name the option. */
export async function previousStageFromOptions(
  options: ParsedOptions,
  source: ModelSource,
): Promise<PreviousStage | undefined> {
  const [option] = PREVIOUS_STAGE_OPTION.names;
  const folder = textOf(options, option);
  return openPreviousStage(await modelRequest(options), source, folder).catch((error: unknown): never => {
    if (!(error instanceof StudioError)) throw error;
    if (error.name === 'NoPreviousStage') throw new UsageError(`${option}: ${error.message}`);
    if (error.name !== 'NeedsPreviousStage') throw error;
    throw new StudioError(error.name, error.message, `The option is ${option}.`, { cause: error });
  });
}
