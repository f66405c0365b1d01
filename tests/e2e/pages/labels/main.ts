// Shows label maps in the viewer; the test calls `window.labels`, and looks at what is drawn.
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

interface DrawnLabel {
  readonly value: number;
  readonly color: string;
  readonly isVisible: boolean;
}

const viewer = new ViewerController();
const stage = document.getElementById('stage');
const style = (shown: readonly DrawnLabel[], isOutline = false) => ({ labels: shown, opacity: 1, isOutline });

const labels = {
  /** `values`: of each voxel, repeated until the map is full. */
  async show(values: readonly number[], shown: readonly DrawnLabel[]): Promise<void> {
    if (!stage) throw new Error('the page has no stage');
    await viewer.mount(stage, 'Labels');
    const known = {
      automatic: { low: 0, high: 1 },
      looksLikeCt: false,
      isOriented: false,
      hasMillimetres: false,
    };
    viewer.showImage({ ...PLACE, ...known, voxels: new Int16Array(EDGE * EDGE) }, known.automatic);
    const voxels = new Uint16Array(EDGE * EDGE).map((_, i) => values[i % values.length]);
    viewer.showLabels({ ...PLACE, voxels, centers: {} }, style(shown));
  },
  restyle: (shown: readonly DrawnLabel[], isOutline: boolean) => viewer.styleLabels(style(shown, isOutline)),
};

declare global {
  interface Window {
    labels: typeof labels;
  }
}

window.labels = labels;
