// Losses of the real nnU-Net, value and gradient by the logits, alone and of each head of its networks; its learning rate
// schedule.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { NpyArray } from '@/core/io/npy';
import { polyLearningRate } from '@/core/training/polyLearningRate';
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';
import {
  crossEntropyLoss,
  diceAndBinaryCrossEntropyLoss,
  diceAndCrossEntropyLoss,
  diceAndTopKLoss,
  diceLoss,
  type LossOptions,
} from '@/kernels/losses/lossOptions';
import { floats, largestDifference, type Outcome, openArrays, summarise } from '../support/golden';
import { runLoss } from '../support/losses';
import type { TopicResult } from './topic';

/** Absolute. */
const LOSS_TOLERANCE = 2e-6;
/** Of the gradient's largest value: ten times what float32 in PyTorch itself is off its float64. */
const GRADIENT_TOLERANCE = 5e-6;
const RATE_TOLERANCE = 1e-15;

interface Row {
  readonly id: string;
  readonly variant: string;
  readonly batch: number;
  readonly channels: number;
  readonly batch_dice: boolean;
  readonly logits: string;
  readonly loss: number;
}

export async function run(goldenFolder: string): Promise<TopicResult> {
  const network = path.join(goldenFolder, 'network');
  const rows: Row[] = JSON.parse(readFileSync(path.join(network, 'losses/losses.json'), 'utf8'));
  const arrays = await openArrays(path.join(network, 'losses/arrays.npz'));
  const groups: Record<string, Outcome[]> = {};
  const gpu = await openNodeGpu();
  try {
    for (const row of rows) {
      groups[row.variant] ??= [];
      groups[row.variant].push(...(await checkLoss(gpu, row, arrays)));
    }
    groups['heads of networks'] = await checkNetworks(gpu, network);
  } finally {
    gpu.close();
  }
  groups.poly_lr = checkRates(path.join(network, 'poly_lr.json'));
  return summarise('losses', groups);
}

/** The rows name the loss, and whether some voxels are ignored. */
function optionsOf({ variant, batch_dice, channels }: Row): LossOptions {
  const batchDice = batch_dice;
  const hasIgnore = variant.endsWith('ignore') || variant.endsWith('ignored');
  const ignoreLabel = hasIgnore ? channels : undefined;
  if (variant.startsWith('dc_ce')) return diceAndCrossEntropyLoss({ batchDice, ignoreLabel });
  if (variant.startsWith('dc_bce')) return diceAndBinaryCrossEntropyLoss({ batchDice, hasIgnore });
  if (variant === 'dc_only') return diceLoss({ batchDice, target: { kind: 'labels', ignoreLabel } });
  if (variant === 'ce_only') return crossEntropyLoss({ ignoreLabel });
  if (variant === 'dc_topk10') return diceAndTopKLoss({ batchDice, ignoreLabel });
  throw new Error(`losses.json names a loss that is not known: ${variant}`);
}

async function checkLoss(gpu: Gpu, row: Row, arrays: (name: string) => NpyArray): Promise<Outcome[]> {
  const options = optionsOf(row);
  const logits = arrays(row.logits);
  const target = Array.from(arrays(`${row.id}_target`).data, Number);
  const voxels = logits.shape.slice(2).reduce((product, size) => product * size, 1);
  const shape = { batch: row.batch, classes: row.channels, voxels };
  const { sums, gradient } = await runLoss(gpu, { options, shape, logits: floats(logits), target });
  const expected = floats(arrays(`${row.id}_grad`));
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const difference = largestDifference(gradient, expected);
  return [
    { name: `${row.id} loss`, error: Math.abs(sums[0] - row.loss), tolerance: LOSS_TOLERANCE },
    {
      name: `${row.id} gradient`,
      error: largest === 0 ? difference : difference / largest,
      tolerance: GRADIENT_TOLERANCE,
    },
  ];
}

async function checkNetworks(gpu: Gpu, root: string): Promise<Outcome[]> {
  const names = readdirSync(root).filter((name) => existsSync(path.join(root, name, 'config.json')));
  const outcomes: Outcome[] = [];
  for (const name of names) {
    const folder = path.join(root, name);
    const config: NetworkConfig = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8'));
    const heads = await openArrays(path.join(folder, 'heads.npz'));
    const targets = await openArrays(path.join(folder, 'targets.npz'));
    const options = optionsOfNetwork(config);
    for (const [i, expected] of config.loss_per_head_float64.entries()) {
      const { shape, data } = heads(`head_${i}`);
      const [batch, classes, ...sizes] = shape;
      const voxels = sizes.reduce((product, size) => product * size, 1);
      const target = Array.from(targets(`target_${i}`).data, Number);
      const logits = Float32Array.from(data, Number);
      const { sums } = await runLoss(gpu, { options, shape: { batch, classes, voxels }, logits, target });
      outcomes.push({
        name: `${name} head ${i}`,
        error: Math.abs(sums[0] - expected),
        tolerance: LOSS_TOLERANCE,
      });
    }
  }
  return outcomes;
}

interface NetworkConfig {
  readonly batch_dice: boolean;
  readonly has_regions: boolean;
  readonly ignore_label: number | null;
  readonly loss_per_head_float64: readonly number[];
}

function optionsOfNetwork({ batch_dice, has_regions, ignore_label }: NetworkConfig): LossOptions {
  const batchDice = batch_dice;
  return has_regions
    ? diceAndBinaryCrossEntropyLoss({ batchDice, hasIgnore: ignore_label !== null })
    : diceAndCrossEntropyLoss({ batchDice, ignoreLabel: ignore_label ?? undefined });
}

function checkRates(file: string): Outcome[] {
  const { initial_lr, lr } = JSON.parse(readFileSync(file, 'utf8'));
  return Object.entries<number[]>(lr).map(([epochs, expected]) => {
    const rates = expected.map((_, epoch) => polyLearningRate(initial_lr, epoch, Number(epochs)));
    return { name: `${epochs} epochs`, error: largestDifference(rates, expected), tolerance: RATE_TOLERANCE };
  });
}
