// The viewer without React: owns the canvas, knows NiiVue, tells subscribers what it shows.
import { DRAG_MODE, MULTIPLANAR_TYPE, Niivue, NVImage, SHOW_RENDER, SLICE_TYPE } from '@niivue/niivue';
import type { Affine } from '@/core/io/orientation';
import { mmToVoxel, voxelToMm } from './fileGrid';
import { type PlaneMarks, planeMarks } from './planeMarks';

/** One plane, three planes with a 3D view, or the 3D view alone. */
export type Layout = 'planes' | 'axial' | 'coronal' | 'sagittal' | 'render';

/** Intensities shown as black and white. */
export interface Window {
  readonly low: number;
  readonly high: number;
}

/** How the labels are drawn. Values in ascending order, background left out. */
export interface LabelStyle {
  readonly labels: readonly { readonly value: number; readonly color: string; readonly isVisible: boolean }[];
  /** 0…1; outlines are drawn in full unless it is 0. */
  readonly opacity: number;
}

/** What lies under the crosshair. Positions in world and file order, x first. */
export interface Location {
  readonly mm: readonly [number, number, number];
  readonly voxel: readonly [number, number, number];
  readonly intensity: number;
  readonly label: number | undefined;
}

export interface ViewerSnapshot {
  readonly location: Location | undefined;
  readonly window: Window | undefined;
  readonly planes: readonly PlaneMarks[];
  /** The browser took the graphics away, with all that was on them: this viewer is of no more use. */
  readonly isLost: boolean;
}

const SLICE_TYPES: Readonly<Record<Layout, SLICE_TYPE>> = {
  planes: SLICE_TYPE.MULTIPLANAR,
  axial: SLICE_TYPE.AXIAL,
  coronal: SLICE_TYPE.CORONAL,
  sagittal: SLICE_TYPE.SAGITTAL,
  render: SLICE_TYPE.RENDER,
};

const PLANES: Readonly<Record<number, 'axial' | 'coronal' | 'sagittal'>> = {
  [SLICE_TYPE.AXIAL]: 'axial',
  [SLICE_TYPE.CORONAL]: 'coronal',
  [SLICE_TYPE.SAGITTAL]: 'sagittal',
};

/** The RAS axis that a plane is stacked along. */
const STACKING_AXIS: Readonly<Record<number, 0 | 1 | 2>> = {
  [SLICE_TYPE.AXIAL]: 2,
  [SLICE_TYPE.CORONAL]: 1,
  [SLICE_TYPE.SAGITTAL]: 0,
};

const OPAQUE = 255;
/** Thickness of the crosshair, device pixels: NiiVue draws thinner lines with gaps. */
const CROSSHAIR_PIXELS = 1.3;
/** A thickness that is off by less than this stays. */
const CROSSHAIR_TOLERANCE = 0.1;
/** Opening in the middle of the crosshair, as a share of the image's smallest extent. */
const CROSSHAIR_GAP_SHARE = 0.08;

export class ViewerController {
  /** Tells viewers apart. */
  readonly id = crypto.randomUUID();
  private readonly niivue: Niivue;
  private readonly canvas = document.createElement('canvas');
  private attached: Promise<unknown> | undefined;
  private readonly listeners = new Set<() => void>();
  private snapshot: ViewerSnapshot = { location: undefined, window: undefined, planes: [], isLost: false };
  private image: NVImage | undefined;
  private affine: Affine | undefined;
  private labels: NVImage | undefined;
  private outlines: NVImage | undefined;
  private activePlane: SLICE_TYPE = SLICE_TYPE.AXIAL;
  private layout: Layout = 'planes';

  constructor() {
    this.niivue = new Niivue({
      backColor: [0, 0, 0, 1],
      crosshairColor: [0.23, 0.8, 0.71, 0.9],
      crosshairWidthUnit: 'mm',
      show3Dcrosshair: true,
      isOrientationTextVisible: false, // the page draws its own, where the crosshair does not cross them
      isColorbar: false,
      isRuler: false,
      isOrientCube: false,
      isResizeCanvas: true,
      isRadiologicalConvention: true,
      sagittalNoseLeft: true,
      multiplanarLayout: MULTIPLANAR_TYPE.GRID,
      multiplanarShowRender: SHOW_RENDER.ALWAYS,
      multiplanarEqualSize: false,
      multiplanarPadPixels: 4,
      sliceType: SLICE_TYPE.MULTIPLANAR,
      dragMode: DRAG_MODE.windowing,
      dragAndDropEnabled: false,
      clipPlaneHotKey: '',
      cycleClipPlaneHotKey: '',
      viewModeHotKey: '',
      logLevel: 'error',
      loadingText: '',
    });
    this.canvas.dataset.viewer = '';
    this.canvas.addEventListener('webglcontextlost', () => this.update({ isLost: true }));
    this.niivue.keyDownListener = () => undefined; // the page has its own keys
    this.niivue.onLocationChange = (location) => this.takeLocation(location);
    this.niivue.onIntensityChange = () => this.update({ window: this.currentWindow() });
    const resize = this.niivue.resizeListener.bind(this.niivue);
    this.niivue.resizeListener = () => {
      if (this.canvas.offsetWidth && this.canvas.offsetHeight) resize(); // it may be off the page
    };
    const draw = this.niivue.drawScene.bind(this.niivue);
    this.niivue.drawScene = () => {
      const drawn = draw();
      this.updatePlanes();
      this.adaptCrosshair();
      return drawn;
    };
  }

  /** Puts the canvas into `stage`, below what is there; the same canvas goes from place to place. */
  async mount(stage: HTMLElement, label: string): Promise<void> {
    this.canvas.setAttribute('aria-label', label);
    stage.prepend(this.canvas);
    this.attached ??= this.niivue.attachToCanvas(this.canvas, false);
    await this.attached;
    this.resize();
  }

  /** Takes the canvas off the page. */
  dispose(): void {
    this.listeners.clear();
    this.canvas.remove();
    this.niivue.cleanup();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getSnapshot = (): ViewerSnapshot => this.snapshot;

  /** Shows a plain NIfTI file held in memory, which lies at `affine`, and drops what was shown before. */
  async showImage(bytes: ArrayBuffer, affine: Affine, window: Window): Promise<void> {
    const image = await loadVolume(bytes, 'image.nii', 1, window);
    this.clear();
    this.image = image;
    this.affine = affine;
    this.niivue.opts.crosshairGap = CROSSHAIR_GAP_SHARE * smallestExtent(image);
    this.niivue.addVolume(image);
    this.niivue.scene.crosshairPos = [0.5, 0.5, 0.5];
    this.niivue.createOnLocationChange();
    this.niivue.drawScene();
    this.update({ window });
  }

  /** Lays labels over the image, in place of those shown before. */
  async showLabels(bytes: ArrayBuffer, style: LabelStyle): Promise<void> {
    const labels = await loadVolume(bytes, 'labels.nii', style.opacity);
    if (!this.image) return;
    this.hideLabels();
    this.labels = labels;
    this.applyColors(labels, style);
    this.niivue.addVolume(labels);
    this.styleLabels(style);
  }

  /** Lays the labels' outlines over the image; the labels themselves stay, unseen, for the crosshair. */
  async showOutlines(bytes: ArrayBuffer, style: LabelStyle): Promise<void> {
    const outlines = await loadVolume(bytes, 'outlines.nii', 1);
    if (!this.labels) return;
    this.hideOutlines();
    this.outlines = outlines;
    this.applyColors(outlines, style);
    this.niivue.addVolume(outlines);
    this.styleLabels(style);
  }

  hideOutlines(): void {
    if (this.outlines) this.niivue.removeVolume(this.outlines);
    this.outlines = undefined;
  }

  hideLabels(): void {
    this.hideOutlines();
    if (this.labels) this.niivue.removeVolume(this.labels);
    this.labels = undefined;
  }

  styleLabels(style: LabelStyle): void {
    if (!this.labels) return;
    this.applyColors(this.labels, style);
    this.labels.opacity = this.outlines ? 0 : style.opacity;
    if (this.outlines) {
      this.applyColors(this.outlines, style);
      this.outlines.opacity = style.opacity > 0 ? 1 : 0;
    }
    this.niivue.updateGLVolume();
    this.niivue.createOnLocationChange();
  }

  clear(): void {
    this.labels = undefined;
    this.outlines = undefined;
    this.image = undefined;
    this.affine = undefined;
    for (const volume of [...this.niivue.volumes].reverse()) this.niivue.removeVolume(volume);
    this.update({ location: undefined, window: undefined, planes: [] });
  }

  setLayout(layout: Layout): void {
    this.layout = layout;
    const plane = SLICE_TYPES[layout];
    if (plane in STACKING_AXIS) this.activePlane = plane;
    this.niivue.setSliceType(plane);
  }

  setWindow({ low, high }: Window): void {
    if (!this.image) return;
    this.image.cal_min = low;
    this.image.cal_max = high;
    this.niivue.updateGLVolume();
    this.update({ window: { low, high } });
  }

  /** Moves through the plane that was last clicked, axial at first. */
  moveSlices(slices: number): void {
    if (!this.image) return;
    const step: [number, number, number] = [0, 0, 0];
    step[STACKING_AXIS[this.activePlane] ?? 2] = slices;
    this.niivue.moveCrosshairInVox(...step);
  }

  /** One slice on, from the last back to the first. */
  playSlice(): void {
    if (!this.image?.dimsRAS) return;
    const axis = STACKING_AXIS[this.activePlane] ?? 2;
    const count = this.image.dimsRAS[axis + 1];
    const position = this.niivue.frac2vox(this.niivue.scene.crosshairPos)[axis];
    this.moveSlices(position >= count - 1 ? -(count - 1) : 1);
  }

  /** Puts the crosshair on a voxel, in file order. */
  goToVoxel(voxel: readonly [number, number, number]): void {
    if (!this.affine) return;
    const [x, y, z] = voxelToMm(this.affine, voxel);
    this.niivue.scene.crosshairPos = this.niivue.mm2frac([x, y, z]);
    this.niivue.createOnLocationChange();
    this.niivue.drawScene();
  }

  /** The canvas may have a new size. */
  resize(): void {
    this.niivue.resizeListener();
  }

  private applyColors(labels: NVImage, { labels: styles }: LabelStyle): void {
    const channel = (start: number) =>
      styles.map(({ color }) => Number.parseInt(color.slice(start, start + 2), 16));
    labels.setColormapLabel({
      R: [0, ...channel(1)],
      G: [0, ...channel(3)],
      B: [0, ...channel(5)],
      A: [0, ...styles.map(({ isVisible }) => (isVisible ? OPAQUE : 0))],
      I: [0, ...styles.map(({ value }) => value)],
    });
  }

  private currentWindow(): Window | undefined {
    const { cal_min: low, cal_max: high } = this.image ?? {};
    return low === undefined || high === undefined ? undefined : { low, high };
  }

  private takeLocation(location: unknown): void {
    const { axCorSag, mm, values } = location as NiivueLocation;
    if (axCorSag in STACKING_AXIS && this.layout === 'planes') this.activePlane = axCorSag;
    if (!this.affine || values.length === 0) return;
    const position = [mm[0], mm[1], mm[2]] as const;
    this.update({
      location: {
        mm: position,
        voxel: mmToVoxel(this.affine, position),
        intensity: values[0].value,
        label: this.labels ? values[1]?.value : undefined,
      },
    });
  }

  private updatePlanes(): void {
    const ratio = this.niivue.uiData.dpr ?? 1;
    const planes = this.niivue.screenSlices.flatMap(({ axCorSag, leftTopWidthHeight, fovMM }) => {
      const plane = PLANES[axCorSag];
      const [left, top, width, height] = leftTopWidthHeight.map((pixels) => pixels / ratio);
      return plane ? [planeMarks(plane, { left, top, width, height }, Math.abs(fovMM[0]))] : [];
    });
    if (JSON.stringify(planes) !== JSON.stringify(this.snapshot.planes)) this.update({ planes });
  }

  /** NiiVue measures the crosshair in mm; here it is as thick on a phone as on a wall. */
  private adaptCrosshair(): void {
    const mmPerPixel = this.niivue.screenSlices
      .filter(({ axCorSag }) => axCorSag in PLANES)
      .map(({ leftTopWidthHeight, fovMM }) => Math.abs(fovMM[0]) / leftTopWidthHeight[2]);
    if (mmPerPixel.length === 0) return;
    const wanted = CROSSHAIR_PIXELS * Math.max(...mmPerPixel);
    if (Math.abs(this.niivue.opts.crosshairWidth / wanted - 1) < CROSSHAIR_TOLERANCE) return;
    this.niivue.setCrosshairWidth(wanted);
  }

  private update(change: Partial<ViewerSnapshot>): void {
    this.snapshot = { ...this.snapshot, ...change };
    for (const listener of this.listeners) listener();
  }
}

/** mm. */
function smallestExtent({ dimsRAS = [], pixDimsRAS = [] }: NVImage): number {
  return Math.min(
    ...[1, 2, 3].map((axis) => dimsRAS[axis] * pixDimsRAS[axis]).filter((extent) => extent > 0),
  );
}

/** NiiVue's own loader, with its defaults spelled out where its types ask for them. */
function loadVolume(bytes: ArrayBuffer, name: string, opacity: number, window?: Window): Promise<NVImage> {
  const { low = Number.NaN, high = Number.NaN } = window ?? {};
  const unused = Number.NaN;
  return NVImage.new(
    bytes,
    name,
    'gray',
    opacity,
    null,
    low,
    high,
    true,
    0.02,
    false,
    false,
    '',
    0,
    0,
    unused,
    unused,
    true,
    null,
    0,
    null,
  );
}

/** What NiiVue tells of the crosshair, as far as it is used here. */
interface NiivueLocation {
  readonly axCorSag: number;
  readonly mm: ArrayLike<number>;
  readonly values: readonly { readonly value: number }[];
}
