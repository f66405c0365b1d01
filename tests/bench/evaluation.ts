// How long evaluating takes: 117 labels in 512×512×300 voxels, organs of one piece each, and the same with stray voxels of
// every label all over the image, as networks that are hardly trained leave them.
import { segmentationMetrics } from '@/core/evaluation/metrics';
import { surfaceMetricsStepwise } from '@/core/evaluation/surfaceDistance';
import { elementCount, type Zyx } from '@/shared/geometry';
import { seededRandom } from '@/shared/random';
import { runAtOnce } from '@/shared/stepwise';
import type { BenchOptions } from './bench';

const SHAPE: Zyx = [300, 512, 512];
const LABELS = 117;
const STRAY = 200_000;

/** Ellipsoids on a grid of places, shifted by some voxels. */
function organs(shift: number): Uint8Array {
  const map = new Uint8Array(elementCount(SHAPE));
  const places: Zyx = [5, 5, 5];
  const [dz, dy, dx] = SHAPE.map((size, axis) => size / places[axis]);
  for (let label = 1; label <= LABELS; label++) {
    const at = label - 1;
    const centre = [
      (Math.floor(at / 25) + 0.5) * dz,
      ((Math.floor(at / 5) % 5) + 0.5) * dy + shift,
      ((at % 5) + 0.5) * dx,
    ];
    const radii = [0.45 * dz, 0.4 * dy, (0.2 + (label % 4) * 0.07) * dx];
    const [z0, y0, x0] = centre.map((value, axis) => Math.max(0, Math.floor(value - radii[axis])));
    const [z1, y1, x1] = centre.map((value, axis) =>
      Math.min(SHAPE[axis], Math.ceil(value + radii[axis]) + 1),
    );
    for (let z = z0; z < z1; z++) {
      for (let y = y0; y < y1; y++) {
        for (let x = x0; x < x1; x++) {
          const r = ((z - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2;
          if (r + ((x - centre[2]) / radii[2]) ** 2 <= 1) map[(z * SHAPE[1] + y) * SHAPE[2] + x] = label;
        }
      }
    }
  }
  return map;
}

function withStray(map: Uint8Array): Uint8Array {
  const random = seededRandom(1);
  const strewn = map.slice();
  for (let i = 0; i < STRAY; i++) {
    strewn[Math.floor(random.uniform() * map.length)] = 1 + Math.floor(random.uniform() * LABELS);
  }
  return strewn;
}

function timed<Result>(what: string, work: () => Result): Result {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  const result = work();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  console.log(`  ${what}: ${seconds.toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of the processor`);
  return result;
}

export async function run(_: BenchOptions): Promise<void> {
  const reference = organs(0);
  measure('organs', organs(3), reference);
  measure('organs and stray voxels', withStray(organs(3)), reference);
}

function measure(name: string, prediction: Uint8Array, reference: Uint8Array): void {
  const labels = Array.from({ length: LABELS }, (_, l) => [l + 1]);
  console.log(`${name}, ${LABELS} labels, ${SHAPE.toReversed().join('×')}`);
  timed('counts', () => segmentationMetrics(prediction, reference, labels, undefined));
  const question = { prediction, reference, shape: SHAPE, spacing: [1.5, 0.8, 0.8] as const, labels };
  const surfaces = timed('surfaces', () =>
    runAtOnce(surfaceMetricsStepwise({ ...question, ignoreLabel: undefined, toleranceMm: 1 })),
  );
  console.log(`  mean NSD ${surfaces.reduce((sum, { NSD }) => sum + NSD, 0) / LABELS}`);
  console.log(`  mean HD95 ${surfaces.reduce((sum, { HD95 }) => sum + HD95, 0) / LABELS}`);
}
