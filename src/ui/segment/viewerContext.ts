import { createContext, useContext, useState } from 'react';
import { ViewerController } from '../viewer/viewerController';

export const ViewerContext = createContext<ViewerController | undefined>(undefined);

/** The one viewer of the page, kept while places change: WebGL contexts are few. */
let shared: ViewerController | undefined;

export function useViewerController(): ViewerController {
  const [viewer] = useState(() => {
    shared ??= new ViewerController();
    return shared;
  });
  return viewer;
}

export function useSharedViewer(): ViewerController {
  const viewer = useContext(ViewerContext);
  if (!viewer) throw new Error('useSharedViewer: no ViewerContext above');
  return viewer;
}
