import { useEffect, useRef } from 'react';
import type { Thumbnail } from '@/storage/datasetRecord';
import { labelColor } from '../labelColors';
import { usePreferences } from '../useStudio';
import styles from './data.module.css';

/** How much of a label's colour covers the image. */
const LABEL_OPACITY = 0.5;

/** The middle slice of a case, labels over it; says nothing, as the row tells what it is. */
export function ThumbnailImage({ thumbnail }: { thumbnail: Thumbnail | undefined }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const colors = usePreferences((state) => state.labelColors);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context || !thumbnail) return;
    const { width, height } = thumbnail;
    context.putImageData(new ImageData(pixelsOf(thumbnail, colors), width, height), 0, 0);
  }, [thumbnail, colors]);
  if (!thumbnail) return <div className={styles.thumbnail} aria-hidden />;
  return (
    <canvas
      ref={canvas}
      className={styles.thumbnail}
      width={thumbnail.width}
      height={thumbnail.height}
      aria-hidden
    />
  );
}

function pixelsOf(
  { gray, labels }: Thumbnail,
  colors: Readonly<Record<number, string>>,
): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(4 * gray.length);
  const known = new Map<number, readonly number[]>();
  for (let i = 0; i < gray.length; i++) {
    const label = labels[i];
    const color = label === 0 ? undefined : (known.get(label) ?? rgbOf(labelColor(label, colors)));
    if (color) known.set(label, color);
    for (let c = 0; c < 3; c++) {
      rgba[4 * i + c] = color ? gray[i] * (1 - LABEL_OPACITY) + color[c] * LABEL_OPACITY : gray[i];
    }
    rgba[4 * i + 3] = 255;
  }
  return rgba;
}

/** Of `#rrggbb`. */
function rgbOf(color: string): readonly number[] {
  return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
}
