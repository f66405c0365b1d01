// Whether a text is plans that can be used, and everything that keeps it from it.
import { messageOf, StudioError } from '@/shared/errors';
import { checkEdit, editOf } from './editPlans';
import { plansOverview } from './plansOverview';
import { readPlans } from './readPlans';

export interface PlansTextCheck {
  /** Missing where the text is no plans file at all. */
  readonly plansName: string | undefined;
  /** Sentences, each with the path to what is wrong. */
  readonly problems: readonly string[];
}

/** Checks a whole plans file: its form, every configuration, and whether every patch fits its network. */
export function checkPlansText(text: string, file: string): PlansTextCheck {
  try {
    const { plansName, configurations } = plansOverview(text, file);
    const problems = configurations.flatMap(({ name, configuration, problem }) => {
      if (problem !== undefined) return [problem];
      const wrong = configuration ? checkEdit(editOf(configuration)) : [];
      return wrong.map(({ message }) => `configurations.${name}: ${message}`);
    });
    return { plansName, problems: [...problems, ...formProblems(text, file, problems)] };
  } catch (error) {
    if (!(error instanceof StudioError)) throw error;
    return { plansName: undefined, problems: [messageOf(error)] };
  }
}

/** What is wrong with the file as a whole; what is wrong with a configuration is known already. */
function formProblems(text: string, file: string, known: readonly string[]): readonly string[] {
  try {
    readPlans(text, file);
    return [];
  } catch (error) {
    const message = messageOf(error);
    return known.includes(message) ? [] : [message];
  }
}
