import { addGivenFiles } from '@/app/files/addFiles';
import { preferences } from '@/app/preferencesStore';
import type { Studio } from '@/app/studio';
import { predictJobOf } from './predictJob';

/** Adds the shipped case and model, and segments where it may: the one click. Returns the case's id, or nothing if that failed. */
export async function segmentSample(studio: Studio): Promise<string | undefined> {
  const sample = await studio.sample;
  if (!sample) return undefined;
  const { cases, models, known = [] } = await addGivenFiles(studio, sample, 'sample');
  const [first] = [...cases, ...known];
  const [model] = models;
  if (!first) return undefined;
  const { gpu, usesProcessor } = studio.system.store.getState();
  if (model && (gpu.status !== 'missing' || usesProcessor)) {
    await studio.queue.enqueue([first.id], predictJobOf(model, models, preferences.getState()));
  }
  return first.id;
}
