// Metrics of folders of predictions, and their summary.json, as nnU-Net's own code wrote it.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { evaluatedLabels, segmentationMetrics } from '@/core/evaluation/metrics';
import { summariseCases, summaryJson } from '@/core/evaluation/summary';
import { parseJson } from '@/core/interop/json';
import { readDatasetJson } from '@/core/interop/readDatasetJson';
import { readAsStored } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import { type Outcome, summarise } from '../support/golden';
import type { RunTopic } from './topic';

/** Of Dice and IoU; counts are whole numbers or means of few. */
const TOLERANCE = 1e-12;

export const run: RunTopic = async (goldenFolder) => {
  const root = path.join(goldenFolder, 'evaluation');
  const groups: Record<string, Outcome[]> = {};
  for (const dataset of readdirSync(root).filter((name) => name.startsWith('Dataset'))) {
    const results = path.join(root, dataset, 'nnUNet_results');
    const summaries = readdirSync(results, { recursive: true, encoding: 'utf8' })
      .filter((file) => path.basename(file) === 'summary.json')
      .sort();
    groups[`${dataset}: numbers in summary.json`] = [];
    for (const file of summaries) {
      groups[`${dataset}: numbers in summary.json`].push(
        await compareSummary(path.join(root, dataset), path.join(results, file), file),
      );
    }
  }
  return summarise('evaluation', groups);
};

/** The folder is evaluated anew, and every number of both files compared. */
async function compareSummary(datasetFolder: string, file: string, name: string): Promise<Outcome> {
  const expected = parseJson(readFileSync(file, 'utf8'), file);
  const folder = path.dirname(file);
  const preprocessed = path.join(datasetFolder, 'nnUNet_preprocessed', path.basename(datasetFolder));
  const jsonFile = path.join(preprocessed, 'dataset.json');
  const dataset = readDatasetJson(readFileSync(jsonFile, 'utf8'), jsonFile);
  const labels = evaluatedLabels(dataset.labels);
  const predictions = readdirSync(folder)
    .filter((each) => each.endsWith(dataset.fileEnding))
    .sort();
  const cases = [];
  for (const prediction of predictions) {
    const predictionFile = path.join(folder, prediction);
    const referenceFile = path.join(preprocessed, 'gt_segmentations', prediction);
    const [predicted, reference] = [await voxelsOf(predictionFile), await voxelsOf(referenceFile)];
    const metrics = segmentationMetrics(predicted, reference, labels, dataset.labels.ignoreLabel);
    cases.push({ predictionFile, referenceFile, metrics });
  }
  const written = summaryJson(summariseCases(labels, cases));
  const actual = parseJson(written, 'summary.json');
  return { name, error: largestDifferenceIn(actual, expected), tolerance: TOLERANCE };
}

async function voxelsOf(file: string): Promise<Float32Array> {
  return (await readAsStored([memoryFile(readFileSync(file), file)])).data;
}

/** Over all numbers of two values of the same form; infinite where keys, lengths or NaN differ. Texts are paths. */
function largestDifferenceIn(a: unknown, b: unknown): number {
  if (typeof a === 'string' && typeof b === 'string') return path.basename(a) === path.basename(b) ? 0 : 1;
  if (typeof a === 'number' && typeof b === 'number') {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b) ? 0 : Infinity;
    return Math.abs(a - b);
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Infinity;
  const keys = Object.keys(a);
  if (keys.join() !== Object.keys(b).join()) return Infinity;
  return keys.reduce(
    (most, key) => Math.max(most, largestDifferenceIn(Reflect.get(a, key), Reflect.get(b, key))),
    0,
  );
}
