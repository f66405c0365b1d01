import { axisNames, type ConfigurationOverview, type PlansOverview } from '@/core/planning/plansOverview';
import { formatVoxels } from '../components/planFormats';
import { formatPercent } from '../formats';
import styles from './patch.module.css';
import { type Projection, patchCoverage, planeName, projections, scaleBarLength } from './patchLayout';

type Sizes = Pick<ConfigurationOverview, 'patchSize' | 'medianShape' | 'spacing'>;
type AxisOrder = Pick<PlansOverview, 'transposeForward' | 'transposeBackward'>;

/** Largest edge of a projection on the page. */
const EDGE = 128;
const PADDING = 6;

/** The patch over the median case, all projections at one scale. */
export function PatchDrawing(props: Sizes & AxisOrder) {
  const { patchSize, medianShape, spacing, transposeForward, transposeBackward } = props;
  if (!patchSize || !spacing || !medianShape) {
    return <p className={styles.note}>These plans do not say how large a case is.</p>;
  }
  const planes = projections(patchSize, medianShape, spacing, axisNames(transposeForward, patchSize.length));
  const longest = Math.max(
    ...planes.flatMap(({ rows, columns }) => [rows, columns].map((one) => Math.max(one.patchMm, one.caseMm))),
  );
  const scale = EDGE / longest;
  const coverage = patchCoverage(patchSize, medianShape);
  const isPadded = patchSize.some((size, axis) => size > medianShape[axis]);
  return (
    <div>
      <p className={styles.note}>
        A patch of <b>{formatVoxels(patchSize, transposeBackward)}</b> voxels covers{' '}
        <b>{formatPercent(coverage)}</b> of the median {patchSize.length === 2 ? 'slice' : 'case'} of{' '}
        {formatVoxels(medianShape, transposeBackward)}
        {isPadded ? '; where it is larger than the case, the case is padded.' : '.'}
      </p>
      <div className={styles.planes}>
        {planes.map((plane) => (
          <PlaneDrawing key={planeName(plane)} plane={plane} scale={scale} />
        ))}
      </div>
      <ul className={styles.legend}>
        <li className={styles.legendCase}>median case after resampling</li>
        <li className={styles.legendPatch}>patch</li>
      </ul>
    </div>
  );
}

function PlaneDrawing({ plane, scale }: { plane: Projection; scale: number }) {
  const { rows, columns } = plane;
  const width = Math.max(columns.patchMm, columns.caseMm) * scale;
  const height = Math.max(rows.patchMm, rows.caseMm) * scale;
  const centred = (w: number, h: number) => ({
    x: PADDING + (width - w * scale) / 2,
    y: PADDING + (height - h * scale) / 2,
    width: Math.max(w * scale, 1),
    height: Math.max(h * scale, 1),
  });
  const bar = scaleBarLength(Math.max(columns.caseMm, columns.patchMm));
  const label = `${planeName(plane)}: the patch is ${mm(columns.patchMm)} by ${mm(rows.patchMm)}, the median case ${mm(columns.caseMm)} by ${mm(rows.caseMm)}`;
  return (
    <figure className={styles.plane}>
      <svg
        role="img"
        aria-label={label}
        width={width + 2 * PADDING}
        height={height + 2 * PADDING + 18}
        viewBox={`0 0 ${width + 2 * PADDING} ${height + 2 * PADDING + 18}`}
      >
        <rect {...centred(columns.caseMm, rows.caseMm)} className={styles.case} rx={3} />
        <rect {...centred(columns.patchMm, rows.patchMm)} className={styles.patch} rx={2} />
        <path
          d={`M${PADDING} ${height + PADDING + 9} v4 h${bar * scale} v-4`}
          className={styles.bar}
          aria-hidden
        />
        <text x={PADDING + bar * scale + 6} y={height + PADDING + 15} className={styles.barText} aria-hidden>
          {mm(bar)}
        </text>
      </svg>
      <figcaption>
        <b>{planeName(plane)}</b>
        <span>
          {columns.name} {digits(columns.patchMm)} of {mm(columns.caseMm)}
        </span>
        <span>
          {rows.name} {digits(rows.patchMm)} of {mm(rows.caseMm)}
        </span>
      </figcaption>
    </figure>
  );
}

function mm(length: number): string {
  return `${digits(length)} mm`;
}

function digits(length: number): string {
  return String(Number(length.toPrecision(length >= 100 ? 3 : 2)));
}
