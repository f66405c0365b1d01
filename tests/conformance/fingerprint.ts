// Fingerprints of whole raw datasets against the real extractor's: shapes, spacings and sizes exactly, intensities from
// the same draws to 1e-6 relative.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type CaseFingerprint, caseFingerprint, samplesPerCase } from '@/core/fingerprint/caseFingerprint';
import { datasetFingerprint } from '@/core/fingerprint/datasetFingerprint';
import type { FingerprintDocument } from '@/core/planning/plansDocument';
import { exactOutcome, type Outcome, summarise } from '../support/golden';
import { openRawFolder } from '../support/rawFolder';
import type { RunTopic } from './topic';

const INTENSITY_TOLERANCE = 1e-6;

/** Every dataset draws 10⁸ times a channel, which takes seconds; a sample is the first of one channel. */
export const run: RunTopic = async (goldenFolder, _, scope = 'all') => {
  const folder = path.join(goldenFolder, 'fingerprint');
  const geometry: Outcome[] = [];
  const intensities: Outcome[] = [];
  const found = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith('Dataset')) : [];
  const datasets = scope === 'all' ? found : found.slice(0, 1);
  for (const name of datasets) {
    const own = await extract(path.join(folder, name));
    const file = path.join(folder, name, 'dataset_fingerprint.json');
    const expected: FingerprintDocument = JSON.parse(readFileSync(file, 'utf8'));
    geometry.push(...sameGeometry(name, own, expected));
    intensities.push(...sameIntensities(name, own, expected));
  }
  return summarise('fingerprint', {
    'shapes, spacings and relative sizes': geometry,
    'intensity properties': intensities,
  });
};

async function extract(folder: string): Promise<FingerprintDocument> {
  const { dataset, caseIds, readImage, readSeg } = openRawFolder(folder);
  const samples = samplesPerCase(caseIds.length);
  const cases: CaseFingerprint[] = [];
  for (const caseId of caseIds) {
    cases.push(caseFingerprint(await readImage(caseId), (await readSeg(caseId)).data, samples));
  }
  return datasetFingerprint(cases, dataset.channelNames.length, samples);
}

function sameGeometry(name: string, found: FingerprintDocument, expected: FingerprintDocument): Outcome[] {
  const keys = ['shapes_after_crop', 'spacings', 'median_relative_size_after_cropping'] as const;
  return keys.map((key) => {
    const [a, b] = [JSON.stringify(found[key]), JSON.stringify(expected[key])];
    return exactOutcome(`${name} ${key}`, a === b, `${a} instead of ${b}`);
  });
}

function sameIntensities(name: string, found: FingerprintDocument, expected: FingerprintDocument): Outcome[] {
  const wanted = expected.foreground_intensity_properties_per_channel;
  return Object.entries(wanted).flatMap(([channel, properties]) =>
    Object.entries(properties).map(([key, value]) => {
      const own = found.foreground_intensity_properties_per_channel[channel][key];
      return {
        name: `${name} channel ${channel} ${key}`,
        error: Math.abs(own - value) / (Math.abs(value) || 1),
        tolerance: INTENSITY_TOLERANCE,
        note: `${own} instead of ${value}`,
      };
    }),
  );
}
