// The integrity check of a kept dataset, and what it leaves: findings, pictures and samples of intensities.
import { type CaseCheck, checkIntegrity, type IntegrityReport } from '@/core/dataset/integrity';
import { unlabelledCases } from '@/core/dataset/unlabelledCases';
import type { CasePreview, CheckSummary, DatasetRecord, IntensitySample } from '@/storage/datasetRecord';
import type { RecordStore } from '@/storage/recordStore';
import type { IntensityScale, OnDatasetProgress } from '@/workers/data/api';
import { casePreview } from './casePreview';
import type { DatasetContext } from './datasetContext';

export interface DatasetChecks {
  check(name: string, signal: AbortSignal, tell: OnDatasetProgress): Promise<DatasetRecord>;
  readChecks(name: string): Promise<readonly CaseCheck[]>;
  readPreviews(name: string, caseIds: readonly string[]): Promise<readonly (CasePreview | undefined)[]>;
  readSamples(name: string, scale: IntensityScale): Promise<readonly IntensitySample[]>;
  /** Removes what was found. */
  forget(name: string): Promise<void>;
}

const checksKey = (name: string) => `checks/${name}`;
const previewKey = (name: string, caseId: string) => `preview/${name}/${caseId}`;

export function datasetChecks({ open, browse, survey }: DatasetContext, records: RecordStore): DatasetChecks {
  const forget = async (name: string) => {
    const own = (await records.keys()).filter(
      (key) => key === checksKey(name) || key.startsWith(previewKey(name, '')),
    );
    if (own.length > 0) await records.remove(own);
  };
  const readChecks = async (name: string): Promise<readonly CaseCheck[]> => {
    const kept = await records.get<readonly CaseCheck[]>(checksKey(name));
    if (kept) return kept;
    const { cases } = await browse(name);
    return cases.map(({ caseId, label }) => ({
      caseId,
      status: label ? 'ok' : 'unlabelled',
      findings: [],
    }));
  };
  const readPreviews = (name: string, caseIds: readonly string[]) =>
    Promise.all(caseIds.map((caseId) => records.get<CasePreview>(previewKey(name, caseId))));

  return {
    forget,
    readChecks,
    readPreviews,

    async check(name, signal, tell) {
      const dataset = await open(name);
      await forget(name);
      await survey(name, { check: undefined });
      const kept: Promise<void>[] = [];
      const report = await checkIntegrity(dataset, {
        signal,
        onCase: ({ caseId }, done, total, { image, seg }) => {
          if (image) kept.push(records.set(previewKey(name, caseId), casePreview(image, seg)));
          tell({ stage: 'Checking cases', share: done / total, done, total, item: caseId });
        },
      });
      await Promise.all(kept);
      await records.set(checksKey(name), report.cases);
      const unlabelled = unlabelledCases(dataset.cases).length;
      return survey(name, { check: summaryOf(report), unlabelled });
    },

    async readSamples(name, scale) {
      const checks = await readChecks(name);
      const previews = await readPreviews(
        name,
        checks.map(({ caseId }) => caseId),
      );
      const byCase = previews.flatMap((preview) =>
        preview ? [scale === 'stored' ? preview.samples : preview.samples.map(standardised)] : [],
      );
      const channels = Math.max(0, ...byCase.map(({ length }) => length));
      return Array.from({ length: channels }, (_, c) => ({
        all: joined(byCase.map((samples) => samples[c]?.all)),
        foreground: joined(byCase.map((samples) => samples[c]?.foreground)),
      }));
    },
  };
}

/** Less the mean of all voxels and over their deviation. */
function standardised({ all, foreground }: IntensitySample): IntensitySample {
  const mean = all.reduce((sum, value) => sum + value, 0) / Math.max(1, all.length);
  const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, all.length);
  const deviation = Math.sqrt(variance) || 1;
  const scaled = (values: Float32Array) => values.map((value) => (value - mean) / deviation);
  return { all: scaled(all), foreground: scaled(foreground) };
}

function joined(parts: readonly (Float32Array | undefined)[]): Float32Array {
  const found = parts.filter((part) => part !== undefined);
  const all = new Float32Array(found.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of found) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Label maps that are still to come are no errors, though nothing can be trained without them. */
function summaryOf({ isTrainable, findings, cases, reader }: IntegrityReport): CheckSummary {
  const examined = cases.filter(({ status }) => status !== 'unlabelled');
  const all = [...findings, ...examined.flatMap((each) => each.findings)];
  return {
    isTrainable,
    errors: all.filter(({ severity }) => severity === 'error').length,
    warnings: all.filter(({ severity }) => severity === 'warning').length,
    badCases: cases.filter(({ status }) => status === 'error').length,
    findings,
    reader,
    checkedAt: Date.now(),
  };
}
