import { Loader, Text } from '@mantine/core';
import { IconAlertTriangle, IconCheck } from '@tabler/icons-react';
import type { Unpaired } from '@/core/evaluation/pairSegmentations';
import type { EvaluationPreview } from '@/workers/evaluate/api';
import { ErrorNote } from '../components/ErrorNote';
import { plural } from '../formats';
import { MANY_LABELS, namesInShort } from '../labels/labelFilter';
import styles from './evaluate.module.css';
import type { PreviewState } from './usePreview';

/** How many names are listed before the rest is summed up. */
const LISTED = 8;

/** What was paired by name, what was not, and which labels count. */
export function Pairing({ state }: { state: PreviewState }) {
  switch (state.status) {
    case 'nothing':
      return null;
    case 'reading':
      return <Loader size="xs" aria-label="Pairing the files" />;
    case 'failed':
      return <ErrorNote title="These files cannot be used" where="evaluation" {...state} />;
    case 'known':
      return <KnownPairing preview={state.preview} />;
    default:
      return state satisfies never;
  }
}

function KnownPairing({ preview: { pairs, unpaired, labels, labelsFrom } }: { preview: EvaluationPreview }) {
  const withImage = pairs.filter(({ hasImage }) => hasImage).length;
  return (
    <section className={styles.pairing} aria-label="Pairs" role="status">
      <p className={pairs.length > 0 ? styles.paired : styles.left}>
        {pairs.length > 0 ? <IconCheck size={16} aria-hidden /> : <IconAlertTriangle size={16} aria-hidden />}
        {pairs.length === 0
          ? 'No prediction has the name of a reference: they must be called alike, case.nii.gz in both folders.'
          : `${plural(pairs.length, 'case')} matched by name: ${listed(pairs.map(({ caseId }) => caseId))}`}
      </p>
      {unpaired.length > 0 && <LeftOut unpaired={unpaired} />}
      {pairs.length > 0 && (
        <Text size="xs" c="dimmed">
          {labels
            ? `Label names from ${labelsFrom}: ${namesInShort(
                labels.map(({ name }) => name),
                MANY_LABELS,
              )}.`
            : 'There is no dataset.json with them: every value found in the label maps is evaluated.'}{' '}
          {withImage > 0 && withImage < pairs.length && `${withImage} of them with an image.`}
          {withImage === pairs.length && 'All with an image.'}
        </Text>
      )}
    </section>
  );
}

function LeftOut({ unpaired }: { unpaired: readonly Unpaired[] }) {
  return (
    <details className={styles.left}>
      <summary>
        <IconAlertTriangle size={16} aria-hidden />
        {plural(unpaired.length, 'file')} left out
      </summary>
      <ul>
        {unpaired.slice(0, 50).map(({ side, path, reason }) => (
          <li key={`${side} ${path}`}>
            {path} ({side}): {reason}
          </li>
        ))}
        {unpaired.length > 50 && <li>and {unpaired.length - 50} more</li>}
      </ul>
    </details>
  );
}

function listed(names: readonly string[]): string {
  const rest = names.length - LISTED;
  return names.slice(0, LISTED).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
