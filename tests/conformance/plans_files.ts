// Plans that people published, as the Plan place shows and edits them: nothing may fail, an edit that changes nothing
// may change nothing, and what cannot be used must say why.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { plansCosts } from '@/app/plan/plansCost';
import { comparedSections } from '@/core/planning/comparedSections';
import { checkEdit, editedPlans, editOf } from '@/core/planning/editPlans';
import { type ConfigurationOverview, type PlansOverview, plansOverview } from '@/core/planning/plansOverview';
import { readPlans } from '@/core/planning/readPlans';
import { plansJson } from '@/core/planning/writePlans';
import type { TopicResult } from './topic';

export async function run(goldenFolder: string): Promise<TopicResult> {
  const folder = path.join(goldenFolder, '../data/nnunet-plans');
  const files = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  const plansFiles = files.filter((file) => /Plans[^/]*\.json$/.test(file)).sort();
  const results = plansFiles.map((file) => ({ file, ...look(path.join(folder, file)) }));
  const failures = results.filter(({ problems }) => problems.length > 0);
  const count = (key: 'usable' | 'unusable') => results.reduce((sum, result) => sum + result[key], 0);
  return {
    topic: 'plans_files',
    passed: results.length - failures.length,
    total: results.length,
    worstError: failures.length,
    lines: [
      ...failures.flatMap(({ file, problems }) => problems.map((problem) => `${file}: ${problem}`)),
      `${count('usable')} configurations drawn, costed and edited; ${count('unusable')} shown with the reason why not`,
    ],
  };
}

function look(file: string): { usable: number; unusable: number; problems: readonly string[] } {
  const text = readFileSync(file, 'utf8');
  const overview = plansOverview(text, path.basename(file));
  const costs = plansCosts(overview, undefined, undefined, 1e12);
  const problems = overview.configurations.flatMap((one) => {
    const { name, configuration, problem, patchSize, spacing, medianShape } = one;
    if (!patchSize || !spacing || !medianShape) return [`${name}: patch, spacing or median case is missing`];
    if (!configuration) return problem ? [] : [`${name}: no reason why it cannot be used`];
    if (checkEdit(editOf(configuration)).length > 0) return [`${name}: refused as it is`];
    const cost = costs.get(name);
    if (cost?.status !== 'known') return [`${name}: no cost: ${cost?.reason}`];
    if (!(cost.cost.secondsInTotal > 0 && cost.cost.trainingBytes > 0)) return [`${name}: costs nothing`];
    return editProblems(overview, one);
  });
  const usable = overview.configurations.filter(({ configuration }) => configuration).length;
  return { usable, unusable: overview.configurations.length - usable, problems };
}

/** An edit of nothing changes the name alone; one more sample a batch changes that alone, and is read back. */
function editProblems(
  { plans }: PlansOverview,
  { name, configuration }: ConfigurationOverview,
): readonly string[] {
  if (!configuration) return [];
  const edit = editOf(configuration);
  const same = differences(plans, editedPlans(plans, configuration, edit, 'mine'));
  const batchSize = edit.batchSize + 1;
  const bigger = editedPlans(plans, configuration, { ...edit, batchSize }, 'mine');
  const reread = readPlans(plansJson(bigger), 'mine').configurations[name];
  const changed = differences(plans, bigger).filter((difference) => difference !== 'plans_name');
  return [
    ...(same.join() === 'plans_name' ? [] : [`${name}: an edit of nothing changes ${same.join(', ')}`]),
    ...(changed.every((difference) => difference === 'batch_size') ? [] : [`${name}: changes ${changed}`]),
    ...(reread?.batchSize === batchSize ? [] : [`${name}: the batch is read back as ${reread?.batchSize}`]),
  ];
}

function differences(...[a, b]: Parameters<typeof comparedSections>): readonly string[] {
  return comparedSections(a, b).flatMap(({ fields }) =>
    fields.filter(({ differs }) => differs).map(({ path: field }) => field),
  );
}
