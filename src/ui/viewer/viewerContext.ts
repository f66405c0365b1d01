import { createContext, useContext, useEffect, useState } from 'react';
import { ViewerController } from './viewerController';

export const ViewerContext = createContext<ViewerController | undefined>(undefined);

/** The one viewer of the page, kept while places change: WebGL contexts are few. */
let shared: ViewerController | undefined;

/** The page's viewer; a new one when the browser has taken the graphics away from the old. */
export function useViewerController(): ViewerController {
  const [viewer, setViewer] = useState(() => {
    shared ??= new ViewerController();
    return shared;
  });
  useEffect(
    () =>
      viewer.subscribe(() => {
        if (!viewer.getSnapshot().isLost) return;
        viewer.dispose();
        shared = new ViewerController();
        setViewer(shared);
      }),
    [viewer],
  );
  return viewer;
}

export function useSharedViewer(): ViewerController {
  const viewer = useContext(ViewerContext);
  if (!viewer) throw new Error('useSharedViewer: no ViewerContext above');
  return viewer;
}
