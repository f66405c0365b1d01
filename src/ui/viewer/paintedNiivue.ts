// NiiVue with our own painting of images and labels, and our own windowing by the mouse.
import { Niivue, NVImage } from '@niivue/niivue';
import { spacingOf } from '@/app/files/displayVolume';
import type { Xyz } from '@/shared/geometry';
import type { DisplayLabels, DisplayVolume, IntensityWindow } from '@/workers/files/api';
import { voxelMap } from './fileGrid';
import { type LabelPaint, LayerPainter } from './layerPainter';
import { volumeBox } from './volumeBox';

/** NIfTI's codes of voxel types. */
const TYPE_CODES = { uint8: 2, int16: 4, float32: 16, uint16: 512, rgba32: 2304 } as const;

/** Texture units that NiiVue draws from. */
const UNITS = { image: 0, overlay: 2, drawing: 7, probabilities: 8 } as const;

/** What stands where there are no labels. */
const NO_TEXTURE = [2, 2, 2, 2];

export class PaintedNiivue extends Niivue {
  /** Told how far the right button was dragged, CSS pixels. */
  onWindowDrag: (right: number, down: number) => void = () => undefined;

  private painter: LayerPainter | undefined;
  private image: NVImage | undefined;
  private labels: NVImage | undefined;
  private labelPaint: LabelPaint | undefined;
  private paintedWindow: string | undefined;
  private paintedLabels: LabelPaint | undefined;

  /** Shows an image in place of what was shown. The canvas is attached. */
  setImage(volume: DisplayVolume, { low, high }: IntensityWindow): void {
    this.clearLayers();
    this.image = placedVolume(volume);
    this.painter ??= new LayerPainter(this.gl);
    if (!this.isTooLarge(volume.shape)) this.painter.setImage(volume, voxelMap(volume.affine, this.image));
    Object.assign(this.image, { robust_min: low, robust_max: high, global_min: low, global_max: high });
    this.image.cal_min = low;
    this.image.cal_max = high;
    this.addVolume(this.image);
  }

  /** Lays labels over the image, in place of those before. */
  setLabels(labels: DisplayLabels, paint: LabelPaint): void {
    if (!this.image || !this.painter || this.isTooLarge(labels.shape)) return;
    this.removeLabels();
    this.labels = placedVolume(labels);
    this.painter.setLabels(labels, voxelMap(labels.affine, this.image));
    this.labelPaint = paint;
    this.addVolume(this.labels);
  }

  paintLabels(paint: LabelPaint): void {
    this.labelPaint = paint;
    if (this.labels) this.updateGLVolume();
  }

  setWindow({ low, high }: IntensityWindow): void {
    if (!this.image) return;
    this.image.cal_min = low;
    this.image.cal_max = high;
    this.updateGLVolume();
  }

  removeLabels(): void {
    if (!this.labels) return;
    const { labels } = this;
    this.labels = undefined;
    this.paintedLabels = undefined;
    this.painter?.dropLabels();
    this.removeVolume(labels);
    this.setOverlayTexture(NO_TEXTURE);
  }

  clearLayers(): void {
    this.removeLabels();
    if (!this.image) return;
    const { image } = this;
    this.image = undefined;
    this.paintedWindow = undefined;
    this.painter?.dropImage();
    this.removeVolume(image);
  }

  /** In place of NiiVue's: nothing is uploaded, and only what has changed is painted. */
  override refreshLayers(volume: NVImage, layer: number): void {
    if (volume !== this.image && volume !== this.labels) return;
    if (volume === this.image && this.isTooLarge(sizeOf(volume))) {
      super.refreshLayers(volume, layer); // draws the slice alone, as a 2D texture
      return;
    }
    if (this.crosshairs3D?.mm) this.crosshairs3D.mm[0] = Number.NaN; // drawn anew
    if (volume === this.image) this.paintImageLayer(volume);
    else this.paintLabelLayer();
    this.setUniforms();
    this.updateInterpolation(layer);
  }

  /** In slices a voxel of a label map is drawn as what it is; between two labels there is no third. */
  override updateInterpolation(layer: number, isForceLinear = false): void {
    super.updateInterpolation(layer, isForceLinear);
    if (layer === 0 || isForceLinear) return;
    const { gl } = this;
    gl.activeTexture(gl.TEXTURE0 + UNITS.overlay);
    gl.texParameteri(gl.TEXTURE_3D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_3D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  }

  override windowingHandler(x: number, y: number): void {
    const { windowX, windowY } = this.uiData;
    this.uiData.windowX = x;
    this.uiData.windowY = y;
    this.onWindowDrag(x - windowX, y - windowY);
  }

  private isTooLarge(shape: Xyz): boolean {
    return Math.max(...shape) > (this.uiData.max3D ?? Number.POSITIVE_INFINITY);
  }

  private paintImageLayer(image: NVImage): void {
    const { gl } = this;
    if (this.paintedWindow === undefined) this.placeImage(image);
    const [low, high] = [image.cal_min ?? 0, image.cal_max ?? 1];
    const window = `${low} ${high}`;
    if (window === this.paintedWindow || !this.volumeTexture) return;
    this.painter?.paintImage(this.volumeTexture, sizeOf(image), { low, high });
    this.paintedWindow = window;
    gl.activeTexture(gl.TEXTURE0 + UNITS.image);
    gl.bindTexture(gl.TEXTURE_3D, this.volumeTexture);
  }

  /** What NiiVue wants to know of a new image before it draws it. */
  private placeImage(image: NVImage): void {
    const { gl, back } = this;
    const { dimsRAS, pixDimsRAS, matRAS } = image;
    if (!back || !dimsRAS || !pixDimsRAS || !matRAS) throw new Error('PaintedNiivue: the image has no place');
    const box = volumeBox(gl, this.VOLUME_ID, image);
    this.volumeObject3D = box;
    back.matRAS = matRAS;
    back.dims = dimsRAS;
    back.pixDims = pixDimsRAS;
    const { volScale, vox } = this.sliceScale(true);
    this.volScale = volScale;
    this.vox = vox;
    box.scale = [...volScale];
    this.opts.is2DSliceShader = false;
    this.volumeTexture = this.rgbaTex(this.volumeTexture, gl.TEXTURE0 + UNITS.image, dimsRAS);
  }

  private paintLabelLayer(): void {
    const { gl, image, labelPaint } = this;
    if (!image?.dimsRAS || !labelPaint || labelPaint === this.paintedLabels) return;
    if (!this.paintedLabels) this.setOverlayTexture(image.dimsRAS);
    if (!this.overlayTexture) return;
    this.painter?.paintLabels(this.overlayTexture, sizeOf(image), labelPaint);
    this.paintedLabels = labelPaint;
    gl.activeTexture(gl.TEXTURE0 + UNITS.overlay);
    gl.bindTexture(gl.TEXTURE_3D, this.overlayTexture);
  }

  private setOverlayTexture(dims: number[]): void {
    this.overlayTexture = this.rgbaTex(this.overlayTexture, this.gl.TEXTURE0 + UNITS.overlay, dims);
    this.overlayTextureID = this.overlayTexture;
  }

  private setUniforms(): void {
    const { gl, renderShader, pickingImageShader, sliceMMShader } = this;
    if (!renderShader || !pickingImageShader || !sliceMMShader)
      throw new Error('PaintedNiivue: not attached');
    const { volScale, vox } = this.sliceScale(true);
    renderShader.use(gl);
    gl.uniform1f(renderShader.uniforms.overlays, this.overlays.length);
    gl.uniform4fv(renderShader.uniforms.clipPlaneColor, this.opts.clipPlaneColor);
    gl.uniform1f(renderShader.uniforms.backOpacity, 1);
    gl.uniform1f(renderShader.uniforms.renderOverlayBlend, this.opts.renderOverlayBlend);
    gl.uniform4fv(renderShader.uniforms.clipPlane, this.scene.clipPlane);
    gl.uniform3fv(renderShader.uniforms.texVox, vox);
    gl.uniform3fv(renderShader.uniforms.volScale, volScale);
    pickingImageShader.use(gl);
    gl.uniform1i(pickingImageShader.uniforms.volume, UNITS.image);
    gl.uniform1i(pickingImageShader.uniforms.colormap, 1);
    gl.uniform1i(pickingImageShader.uniforms.overlay, UNITS.overlay);
    gl.uniform1f(pickingImageShader.uniforms.overlays, this.overlays.length);
    gl.uniform3fv(pickingImageShader.uniforms.texVox, vox);
    gl.uniform3fv(pickingImageShader.uniforms.volScale, volScale);
    sliceMMShader.use(gl);
    gl.uniform1f(sliceMMShader.uniforms.overlays, this.overlays.length);
    gl.uniform1f(sliceMMShader.uniforms.drawOpacity, this.drawOpacity);
    gl.uniform4fv(sliceMMShader.uniforms.paqdUniforms, this.opts.paqdUniforms);
    gl.uniform1i(sliceMMShader.uniforms.drawing, UNITS.drawing);
    gl.activeTexture(gl.TEXTURE0 + UNITS.drawing);
    gl.bindTexture(gl.TEXTURE_3D, this.drawTexture);
    gl.uniform1i(sliceMMShader.uniforms.paqd, UNITS.probabilities);
    gl.activeTexture(gl.TEXTURE0 + UNITS.probabilities);
    gl.bindTexture(gl.TEXTURE_3D, this.paqdTexture);
  }
}

/** A volume as NiiVue knows it, made without its loader: that copies the voxels twice and looks at each of them. */
function placedVolume({ voxels, shape, affine }: DisplayVolume | DisplayLabels): NVImage {
  const volume = new NVImage();
  const isColor = voxels.length === 4 * shape[0] * shape[1] * shape[2];
  volume.hdr = NVImage.createNiftiHeader(
    [...shape],
    [...spacingOf(affine)],
    [...affine.flat(), 0, 0, 0, 1],
    isColor ? TYPE_CODES.rgba32 : typeCodeOf(voxels),
  );
  volume.img = voxels;
  volume.nFrame4D = 1;
  volume.nTotalFrame4D = 1;
  volume.nVox3D = shape[0] * shape[1] * shape[2];
  volume.calculateRAS();
  return volume;
}

function typeCodeOf(voxels: (DisplayVolume | DisplayLabels)['voxels']): number {
  if (voxels instanceof Uint8Array) return TYPE_CODES.uint8;
  if (voxels instanceof Uint16Array) return TYPE_CODES.uint16;
  return voxels instanceof Int16Array ? TYPE_CODES.int16 : TYPE_CODES.float32;
}

/** Voxels along the axes that NiiVue turns volumes to. */
function sizeOf({ dimsRAS = [] }: NVImage): Xyz {
  return [dimsRAS[1], dimsRAS[2], dimsRAS[3]];
}
