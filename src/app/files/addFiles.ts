import type { UndescribedNetwork } from '@/app/selectionStore';
import type { Studio } from '@/app/studio';
import { messageOf } from '@/shared/errors';
import type { ModelRecord } from '@/storage/modelLibrary';
import { explainWriteFailure } from '@/storage/recordStore';
import type { AddReport, GivenFile } from '@/workers/files/api';
import { twinProblem, withoutTwins } from './duplicateImages';

/** Adds what was dropped or picked to the cases and the library; what cannot be used becomes a problem on the page. */
export async function addGivenFiles(
  studio: Studio,
  given: readonly GivenFile[],
  origin: ModelRecord['origin'] = 'imported',
): Promise<AddReport> {
  const { files, library, queue, selection, system } = studio;
  const setAdding = (adding: string | undefined) => selection.setState({ adding });
  setAdding('Looking at the files');
  try {
    const report = await navigator.locks.request('nnstudio-adding', { mode: 'shared' }, async () => {
      const open = queue.store.getState().cases;
      const { joined = [], ...added } = await files.add(given, origin, open, setAdding);
      for (const { id, result } of joined) await queue.giveSegmentation(id, result);
      const { fresh, twins } = withoutTwins(added.cases, queue.store.getState().cases);
      if (twins.length > 0) await files.removeCases(twins.map((twin) => twin.given.id));
      await queue.add(fresh);
      return {
        ...added,
        cases: fresh,
        problems: [...added.problems, ...twins.map(twinProblem)],
        known: [
          ...open.filter(({ id }) => joined.some((one) => one.id === id)),
          ...twins.map(({ kept }) => kept),
        ],
      };
    });
    const undescribed = undescribedAmong(report, given);
    if (undescribed) selection.setState({ undescribed });
    addProblems(
      studio,
      report.problems.filter(({ path }) => path !== undescribed?.file.path),
    );
    if (report.models.length > 0) {
      await library.refresh();
      selection.setState({ modelId: report.models[0].id });
    }
    return report;
  } catch (thrown) {
    const error = explainWriteFailure(thrown, 'what was dropped');
    const name = error instanceof Error ? error.name : 'Error';
    const problem = { path: given.map(({ path }) => path).join(', '), name, message: messageOf(error) };
    addProblems(studio, [problem]);
    return { cases: [], models: [], problems: [problem] };
  } finally {
    setAdding(undefined);
    void system.measureStorage();
  }
}

/** The first ONNX file that only lacks its description: a form asks for it. */
function undescribedAmong(
  { problems }: AddReport,
  given: readonly GivenFile[],
): UndescribedNetwork | undefined {
  for (const { path, onnx } of problems) {
    const file = onnx && given.find((each) => each.path === path);
    if (file) return { file, facts: onnx };
  }
  return undefined;
}

/** Shows problems until a person dismisses them. */
export function addProblems({ selection }: Pick<Studio, 'selection'>, problems: AddReport['problems']): void {
  const added = problems.map((problem) => ({ ...problem, id: crypto.randomUUID() }));
  selection.setState((state) => ({ problems: [...added, ...state.problems] }));
}
