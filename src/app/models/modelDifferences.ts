// What tells models of the same name apart.
import type { ModelRecord } from '@/storage/modelLibrary';

/** In the order in which a person would look for a difference. */
const FACTS: readonly ((record: ModelRecord) => string)[] = [
  ({ model }) => model.datasetName,
  ({ model }) => model.configuration.name,
  ({ model }) => model.trainerName,
  ({ model }) => model.plans.plansName,
  ({ model }) => foldsText(model.folds.map(({ fold }) => fold)),
  ({ model }) => model.folds.map(({ checkpointName }) => checkpointName).join(', '),
  ({ origin }) => ORIGINS[origin],
  ({ importedAt }) => new Date(importedAt).toLocaleDateString(),
  ({ importedAt }) => new Date(importedAt).toLocaleTimeString(),
  ({ source }) => `from ${source}`,
];

const ORIGINS = { imported: 'imported', sample: 'sample', trained: 'trained here' } as const;

/** By id, for models that share their name with another: the facts that differ, in short; the others have no entry. */
export function modelDifferences(models: readonly ModelRecord[]): ReadonlyMap<string, string> {
  const byName = new Map<string, ModelRecord[]>();
  for (const model of models) byName.set(model.name, [...(byName.get(model.name) ?? []), model]);
  return new Map([...byName.values()].flatMap((alike) => (alike.length > 1 ? differencesAmong(alike) : [])));
}

/** Facts in which they differ, until no two have all of them in common. */
function differencesAmong(alike: readonly ModelRecord[]): readonly (readonly [string, string])[] {
  const telling: ((record: ModelRecord) => string)[] = [];
  const textOf = (record: ModelRecord) => telling.map((fact) => fact(record)).join(', ');
  for (const fact of FACTS) {
    if (new Set(alike.map(fact)).size === 1) continue;
    telling.push(fact);
    if (new Set(alike.map(textOf)).size === alike.length) break;
  }
  return alike.map((record) => [record.id, textOf(record)]);
}

function foldsText(folds: readonly string[]): string {
  return folds.length === 1 ? `fold ${folds[0]}` : `folds ${folds.join(', ')}`;
}
