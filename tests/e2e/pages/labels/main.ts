// Shows label maps in the viewer; the test calls `window.labels`, and looks at what is drawn.
import { labelColor } from '@/ui/labelColors';
import { ViewerController } from '@/ui/viewer/viewerController';

/** Voxels along both edges of the map, of a picture that stands upright. */
const EDGE = 256;
const PLACE = {
  shape: [EDGE, EDGE, 1],
  affine: [
    [-1, 0, 0, 0],
    [0, -1, 0, 0],
    [0, 0, 1, 0],
  ],
} as const;
const BLACK_IMAGE = {
  ...PLACE,
  voxels: new Int16Array(EDGE * EDGE),
  automatic: { low: 0, high: 1 },
  looksLikeCt: false,
  isOriented: false,
  hasMillimetres: false,
};

const viewer = new ViewerController();
const stage = document.getElementById('stage');
let values: readonly number[] = [];

const labels = {
  /** `repeated`: values of the map from its first voxel on, over and over; or all up to a highest one. */
  async show(repeated: readonly number[] | number): Promise<void> {
    if (!stage) throw new Error('the page has no stage');
    values = typeof repeated === 'number' ? Array.from({ length: repeated + 1 }, (_, i) => i) : repeated;
    await viewer.mount(stage, 'Labels');
    viewer.showImage(BLACK_IMAGE, BLACK_IMAGE.automatic);
    const voxels = new Uint16Array(EDGE * EDGE).map((_, i) => values[i % values.length]);
    viewer.showLabels({ ...PLACE, voxels, centers: {} }, styleOf([], false));
  },
  /** What comes next is still being read. */
  clear: () => viewer.clear(),
  restyle: (hidden: readonly number[], isOutline: boolean) => viewer.styleLabels(styleOf(hidden, isOutline)),
};

function styleOf(hidden: readonly number[], isOutline: boolean) {
  const shown = values
    .filter((value) => value !== 0)
    .map((value) => ({ value, color: labelColor(value, {}), isVisible: !hidden.includes(value) }));
  return { labels: shown, opacity: 1, isOutline };
}

declare global {
  interface Window {
    labels: typeof labels;
  }
}

window.labels = labels;
