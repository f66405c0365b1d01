import { Alert } from '@mantine/core';
import { Problems } from '../components/ErrorNote';
import { GpuNotice } from '../components/GpuNotice';
import type { PlaceProps } from '../placeProps';
import { goTo } from '../route';
import { useQueue, useSelection } from '../useStudio';
import { useViewerController, ViewerContext } from '../viewer/viewerContext';
import { CaseList } from './CaseList';
import { CaseView } from './CaseView';
import { ImagePanel } from './ImagePanel';
import { ResultPanel } from './ResultPanel';
import { RunPanel } from './RunPanel';
import styles from './segment.module.css';
import { Welcome } from './Welcome';

/** Drop an image, choose a model, see the segmentation. The default export is what `lazy` asks for. */
export default function SegmentPlace({ item: caseId, onFiles }: PlaceProps) {
  const viewer = useViewerController();
  const { cases, isLoaded } = useQueue(({ cases, isLoaded }) => ({ cases, isLoaded }));
  const hasProblems = useSelection(({ problems }) => problems.length > 0);
  const current = cases.find(({ id }) => id === caseId) ?? cases.at(-1);
  const isMissing = caseId !== undefined && current?.id !== caseId;
  if (!isLoaded) return null;
  return (
    <ViewerContext value={viewer}>
      <div
        className={styles.place}
        style={current || hasProblems || isMissing ? undefined : { display: 'block' }}
      >
        <section className={styles.view} aria-label="Viewer" data-welcome={current ? undefined : ''}>
          {current ? (
            <>
              <h1 className="visuallyHidden">{current.caseId}</h1>
              <CaseView key={`${current.id} ${viewer.id}`} current={current} />
            </>
          ) : (
            <Welcome onFiles={onFiles} />
          )}
        </section>
        {(current || hasProblems || isMissing) && (
          <aside className={styles.panel} aria-label="Case">
            <GpuNotice />
            <Problems />
            {isMissing && <MissingCase shown={current?.caseId} />}
            {current && (
              <>
                <CaseList cases={cases} currentId={current.id} onFiles={onFiles} />
                <ResultPanel current={current} />
                <RunPanel current={current} cases={cases} onFiles={onFiles} />
                <ImagePanel current={current} />
              </>
            )}
          </aside>
        )}
      </div>
    </ViewerContext>
  );
}

/** Another tab removed the case that was open here. */
function MissingCase({ shown }: { shown: string | undefined }) {
  return (
    <Alert
      color="yellow"
      variant="light"
      radius={0}
      title="This case is no longer here"
      withCloseButton
      closeButtonLabel="Dismiss"
      onClose={() => goTo('segment')}
    >
      It was removed, in this tab or in another one. {shown === undefined ? '' : `${shown} is shown instead.`}
    </Alert>
  );
}
