import { Text } from '@mantine/core';
import { ModelsHead } from '../components/ModelsHead';
import type { PlaceProps } from '../placeProps';
import { addressOf } from '../route';
import { useEvaluations } from '../useStudio';
import { EvaluationList } from './EvaluationList';
import { EvaluationPage } from './EvaluationPage';
import { EvaluationViewer } from './EvaluationViewer';
import styles from './evaluate.module.css';
import { NewEvaluation } from './NewEvaluation';

/** Segmentations evaluated against references. The default export is what `lazy` asks for. */
export default function EvaluatePlace({ item, part: caseId }: PlaceProps) {
  const { evaluations, isLoaded } = useEvaluations(({ evaluations, isLoaded }) => ({
    evaluations,
    isLoaded,
  }));
  const shown = evaluations.find(({ id }) => id === item);
  if (shown && caseId !== undefined && shown.pairs.some((pair) => pair.caseId === caseId)) {
    return <EvaluationViewer key={shown.id} record={shown} caseId={caseId} />;
  }
  return (
    <div className={styles.place}>
      <ModelsHead section="evaluate" />
      {shown && <EvaluationPage key={shown.id} record={shown} />}
      {item !== undefined && !shown && isLoaded && (
        <Text>
          There is no {item} in this browser; if it was open here, another tab removed it.{' '}
          <a href={addressOf('evaluate')}>All evaluations</a>
        </Text>
      )}
      {item === undefined && (
        <>
          <Text size="sm" c="dimmed" mb="md" maw={760}>
            How good is a segmentation? Give predictions and the true label maps, and see overlap and
            distances per case and label, the worst first, each a click from where they disagree.
          </Text>
          <NewEvaluation />
          {evaluations.length > 0 && <EvaluationList evaluations={evaluations} />}
        </>
      )}
    </div>
  );
}
