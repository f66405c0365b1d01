// The viewer without React: owns the canvas, knows NiiVue, tells subscribers what it shows.
import { DRAG_MODE, MULTIPLANAR_TYPE, SHOW_RENDER, SLICE_TYPE } from '@niivue/niivue';
import { spacingOf } from '@/app/files/displayVolume';
import { axisDirections } from '@/core/io/orientation';
import type { DisplayLabels, DisplayVolume, IntensityWindow } from '@/workers/files/api';
import { mmToVoxel, voxelToMm } from './fileGrid';
import { COLOR_TABLE_BYTES, type LabelPaint } from './layerPainter';
import { PaintedNiivue } from './paintedNiivue';
import { type PlaneMarks, planeMarks } from './planeMarks';

/** One plane, three planes with a 3D view, or the 3D view alone. */
export type ViewerLayout = 'planes' | 'axial' | 'coronal' | 'sagittal' | 'render';

/** How the labels are drawn. */
export interface LabelStyle {
  readonly labels: readonly { readonly value: number; readonly color: string; readonly isVisible: boolean }[];
  /** 0…1; outlines are drawn in full unless it is 0. */
  readonly opacity: number;
  readonly isOutline: boolean;
}

/** What lies under the crosshair. Positions in world and file order, x first. */
export interface CrosshairLocation {
  /** `undefined` where the file does not say how large a voxel is. */
  readonly mm: readonly [number, number, number] | undefined;
  readonly voxel: readonly [number, number, number];
  /** One value; red, green and blue of a picture in colour. */
  readonly intensity: readonly number[];
  readonly label: number | undefined;
}

export interface ViewerSnapshot {
  readonly location: CrosshairLocation | undefined;
  readonly window: IntensityWindow | undefined;
  readonly planes: readonly PlaneMarks[];
  /** A single slice: there is one plane to look at, and nothing to move through. */
  readonly isFlat: boolean;
  /** The browser took the graphics away, with all that was on them: this viewer is of no more use. */
  readonly isLost: boolean;
}

const SLICE_TYPES: Readonly<Record<ViewerLayout, SLICE_TYPE>> = {
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

/** The plane that is stacked along each world axis. */
const PLANE_OF_AXIS = ['sagittal', 'coronal', 'axial'] as const;

const NOTHING = { location: undefined, window: undefined, planes: [], isFlat: false } as const;

const OPAQUE = 255;
const BYTES_PER_PIXEL = 4;
/** Dragging this far makes a window twice as wide, or moves it by its width. CSS pixels. */
const WINDOW_DRAG_PIXELS = 250;
/** Of the range between percentiles: a narrower window is dragged as if it were this wide, and none gets narrower than the other. */
const SLOWEST_DRAG_SHARE = 0.02;
const NARROWEST_WINDOW_SHARE = 0.001;
/** Thickness of the crosshair, device pixels: NiiVue draws thinner lines with gaps. */
const CROSSHAIR_PIXELS = 1.3;
/** A thickness that is off by less than this stays. */
const CROSSHAIR_TOLERANCE = 0.1;
/** Opening in the middle of the crosshair, as a share of the image's smallest extent. */
const CROSSHAIR_GAP_SHARE = 0.08;

export class ViewerController {
  /** Tells viewers apart. */
  readonly id = crypto.randomUUID();
  private readonly niivue: PaintedNiivue;
  private readonly canvas = document.createElement('canvas');
  /** Holds the canvas for good and goes from place to place with it: NiiVue stops listening once the canvas leaves its parent. */
  private readonly holder = document.createElement('div');
  private attached: Promise<unknown> | undefined;
  private readonly listeners = new Set<() => void>();
  private snapshot: ViewerSnapshot = { ...NOTHING, isLost: false };
  private image: DisplayVolume | undefined;
  private labels: DisplayLabels | undefined;
  private activePlane: SLICE_TYPE = SLICE_TYPE.AXIAL;
  private layout: ViewerLayout = 'planes';
  /** What the next frame paints, while the window is dragged. */
  private pendingWindow: IntensityWindow | undefined;

  constructor() {
    this.niivue = new PaintedNiivue({
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
    this.holder.style.cssText = 'position: absolute; inset: 0';
    this.holder.append(this.canvas);
    this.canvas.dataset.viewer = '';
    this.canvas.addEventListener('webglcontextlost', () => this.update({ isLost: true }));
    this.niivue.keyDownListener = () => undefined; // the page has its own keys
    this.niivue.onLocationChange = (location) => this.takeLocation(location);
    this.niivue.onIntensityChange = ({ cal_min: low, cal_max: high }) => {
      if (low !== undefined && high !== undefined) this.update({ window: { low, high } });
    };
    this.niivue.onWindowDrag = (right, down) => this.dragWindow(right, down);
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

  /** Puts the viewer into `stage`, below what is there; the same one goes from place to place. */
  async mount(stage: HTMLElement, label: string): Promise<void> {
    this.canvas.setAttribute('aria-label', label);
    stage.prepend(this.holder);
    this.attached ??= this.niivue.attachToCanvas(this.canvas, false);
    await this.attached;
    this.resize();
  }

  /** Before that nothing can be shown. */
  async whenReady(): Promise<void> {
    await this.attached;
  }

  /** Takes the canvas off the page. */
  dispose(): void {
    this.listeners.clear();
    this.holder.remove();
    this.niivue.cleanup();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getSnapshot = (): ViewerSnapshot => this.snapshot;

  /** Shows a volume, and drops what was shown before. `position`: where the crosshair goes, in file order. */
  showImage(image: DisplayVolume, window: IntensityWindow, position?: CrosshairLocation['voxel']): void {
    this.clear();
    this.image = image;
    this.niivue.opts.crosshairGap = CROSSHAIR_GAP_SHARE * smallestExtent(image);
    this.niivue.scene.crosshairPos = [0.5, 0.5, 0.5];
    this.update({ isFlat: flatAxis(image) !== undefined, window });
    this.applyLayout();
    this.niivue.setImage(image, window);
    if (position) this.goToVoxel(position);
    else this.niivue.createOnLocationChange();
    this.niivue.drawScene();
  }

  /** Lays labels over the image, in place of those shown before. */
  showLabels(labels: DisplayLabels, style: LabelStyle): void {
    if (!this.image) return;
    this.labels = labels;
    this.niivue.setLabels(labels, paintOf(style));
    this.niivue.createOnLocationChange();
  }

  hideLabels(): void {
    this.labels = undefined;
    this.niivue.removeLabels();
  }

  styleLabels(style: LabelStyle): void {
    if (this.labels) this.niivue.paintLabels(paintOf(style));
  }

  clear(): void {
    this.labels = undefined;
    this.image = undefined;
    this.pendingWindow = undefined;
    this.niivue.clearLayers();
    this.update(NOTHING);
  }

  /** For volumes; a single slice is always seen as the plane that it is. */
  setLayout(layout: ViewerLayout): void {
    this.layout = layout;
    this.applyLayout();
  }

  setWindow(window: IntensityWindow): void {
    if (!this.image) return;
    this.pendingWindow = undefined;
    this.niivue.setWindow(window);
    this.update({ window });
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
    const { dimsRAS } = this.niivue.back ?? {};
    if (!this.image || !dimsRAS) return;
    const axis = STACKING_AXIS[this.activePlane] ?? 2;
    const count = dimsRAS[axis + 1];
    const position = this.niivue.frac2vox(this.niivue.scene.crosshairPos)[axis];
    this.moveSlices(position >= count - 1 ? -(count - 1) : 1);
  }

  /** Puts the crosshair on a voxel, in file order. */
  goToVoxel(voxel: readonly [number, number, number]): void {
    if (!this.image) return;
    const [x, y, z] = voxelToMm(this.image.affine, voxel);
    this.niivue.scene.crosshairPos = this.niivue.mm2frac([x, y, z]);
    this.niivue.createOnLocationChange();
    this.niivue.drawScene();
  }

  /** The canvas may have a new size. */
  resize(): void {
    this.niivue.resizeListener();
  }

  private applyLayout(): void {
    const axis = this.image && flatAxis(this.image);
    const plane = axis === undefined ? SLICE_TYPES[this.layout] : SLICE_TYPES[PLANE_OF_AXIS[axis]];
    if (plane in STACKING_AXIS) this.activePlane = plane;
    this.niivue.setSliceType(plane);
  }

  /**
   * To the right the window gets wider, down its level rises, both by as much as the window is wide every
   * {@link WINDOW_DRAG_PIXELS}. A large volume takes a moment to repaint: the movements of one frame are painted once.
   */
  private dragWindow(right: number, down: number): void {
    const { window, range } = this.dragState();
    if (!window) return;
    const width = window.high - window.low;
    const step = Math.max(width, range * SLOWEST_DRAG_SHARE) / WINDOW_DRAG_PIXELS;
    const newWidth = Math.max(width + right * step, range * NARROWEST_WINDOW_SHARE);
    const level = (window.low + window.high) / 2 + down * step;
    if (!this.pendingWindow)
      requestAnimationFrame(() => this.pendingWindow && this.setWindow(this.pendingWindow));
    this.pendingWindow = { low: level - newWidth / 2, high: level + newWidth / 2 };
  }

  private dragState(): { readonly window: IntensityWindow | undefined; readonly range: number } {
    const { automatic } = this.image ?? {};
    const window = this.pendingWindow ?? this.snapshot.window;
    return { window, range: automatic ? automatic.high - automatic.low : 1 };
  }

  private takeLocation(location: unknown): void {
    const { axCorSag, mm } = location as NiivueLocation;
    if (axCorSag in STACKING_AXIS && this.layout === 'planes') this.activePlane = axCorSag;
    const { image, labels } = this;
    if (!image) return;
    const position = [mm[0], mm[1], mm[2]] as const;
    const voxel = mmToVoxel(image.affine, position);
    const index = indexOf(image, voxel);
    if (index === undefined) return;
    const perVoxel = image.voxels instanceof Uint8Array ? BYTES_PER_PIXEL : 1;
    const intensity = Array.from(
      image.voxels.subarray(perVoxel * index, perVoxel * index + Math.min(3, perVoxel)),
    );
    const labelIndex = labels && indexOf(labels, mmToVoxel(labels.affine, position));
    this.update({
      location: {
        mm: image.hasMillimetres ? position : undefined,
        voxel,
        intensity,
        label: labels && (labelIndex === undefined ? 0 : labels.voxels[labelIndex]),
      },
    });
  }

  private updatePlanes(): void {
    const ratio = this.niivue.uiData.dpr ?? 1;
    const planes = this.niivue.screenSlices.flatMap(({ axCorSag, leftTopWidthHeight, fovMM }) => {
      const plane = PLANES[axCorSag];
      const [left, top, width, height] = leftTopWidthHeight.map((pixels) => pixels / ratio);
      return plane && this.image
        ? [planeMarks(plane, { left, top, width, height }, Math.abs(fovMM[0]), this.image)]
        : [];
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
function smallestExtent({ shape, affine }: DisplayVolume): number {
  const spacing = spacingOf(affine);
  return Math.min(...shape.map((size, axis) => (size > 1 ? size * spacing[axis] : Number.POSITIVE_INFINITY)));
}

/** The world axis that a single slice is one voxel thick along; `undefined` of a volume. */
function flatAxis({ shape, affine }: DisplayVolume): 0 | 1 | 2 | undefined {
  const thin = shape.indexOf(1);
  if (thin < 0 || Math.max(...shape) === 1) return undefined;
  return axisDirections(affine)?.[thin].worldAxis;
}

function paintOf({ labels, opacity, isOutline }: LabelStyle): LabelPaint {
  const colors = new Uint8Array(COLOR_TABLE_BYTES);
  for (const { value, color, isVisible } of labels) {
    const rgb = Number.parseInt(color.slice(1), 16);
    colors.set([rgb >> 16, (rgb >> 8) & 255, rgb & 255, isVisible ? OPAQUE : 0], BYTES_PER_PIXEL * value);
  }
  return { colors, opacity, isOutline };
}

/** Where a voxel stands in the array; `undefined` outside. */
function indexOf(
  { shape: [x, y, z] }: DisplayVolume | DisplayLabels,
  [i, j, k]: CrosshairLocation['voxel'],
): number | undefined {
  const isInside = i >= 0 && j >= 0 && k >= 0 && i < x && j < y && k < z;
  return isInside ? (k * y + j) * x + i : undefined;
}

/** What NiiVue tells of the crosshair, as far as it is used here. */
interface NiivueLocation {
  readonly axCorSag: number;
  readonly mm: ArrayLike<number>;
}
