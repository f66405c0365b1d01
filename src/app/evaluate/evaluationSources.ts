// What a person gave to be evaluated, whatever it is, as named label maps with their images.

import { labelsOfDataset, openRawDataset, parseDatasetDocument, unpackZips } from '@/core/dataset/rawDataset';
import {
  imagesOfCase,
  type NamedSegmentation,
  namedSegmentations,
  type PairedSegmentations,
  pairSegmentations,
  type SegmentationPair,
} from '@/core/evaluation/pairSegmentations';
import { readJson } from '@/core/interop/json';
import { foregroundClasses, type LabelSet } from '@/core/interop/labels';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { browserFile, fileName, type SourceFile } from '@/core/io/sourceFile';
import { nameKey } from '@/shared/names';
import type { CaseFileStore } from '@/storage/caseFiles';
import { type CaseRecord, SEGMENTATION_FILE } from '@/storage/caseRecord';
import type { DatasetFolderStore } from '@/storage/datasetFolder';
import type { EvaluationLabel } from '@/storage/evaluationRecord';
import type { EvaluationSources, PredictionSource, ReferenceSource } from '@/workers/evaluate/api';
import type { GivenFile } from '@/workers/files/api';

export interface SourceStores {
  readonly datasets: DatasetFolderStore;
  readonly caseFiles: CaseFileStore;
}

/** An image to be copied, or where it is kept already. */
export type FoundImage =
  | { readonly kind: 'given'; readonly files: readonly SourceFile[] }
  | { readonly kind: 'dataset' }
  | { readonly kind: 'case'; readonly id: string; readonly files: readonly string[] };

export interface OpenedSources extends PairedSegmentations {
  /** By a dataset.json; `undefined` without one. */
  readonly labels: LabelSet | undefined;
  readonly labelsFrom: string | undefined;
  /** The references are this dataset's label maps. */
  readonly datasetName: string | undefined;
  imageOf(pair: SegmentationPair): FoundImage | undefined;
}

interface OpenedSide {
  readonly maps: readonly NamedSegmentation[];
  readonly labels: { readonly set: LabelSet; readonly from: string } | undefined;
  imageOf(name: string): FoundImage | undefined;
}

/** Opens both sides and pairs them by their names. Throws what is wrong with a dataset.json, or with the dataset. */
export async function openSources(
  { predictions, references, images }: EvaluationSources,
  stores: SourceStores,
): Promise<OpenedSources> {
  const [left, right] = await Promise.all([
    openPredictions(predictions, stores.caseFiles),
    openReferences(references, stores.datasets),
  ]);
  const given = await unpackZips(filesOf(images));
  const labels = right.labels ?? left.labels;
  return {
    ...pairSegmentations(left.maps, right.maps),
    labels: labels?.set,
    labelsFrom: labels?.from,
    datasetName: references.kind === 'dataset' ? references.name : undefined,
    imageOf: ({ caseId, prediction, reference }) => {
      const files = imagesOfCase(caseId, given);
      if (files.length > 0) return { kind: 'given', files };
      return right.imageOf(reference.name) ?? left.imageOf(prediction.name);
    },
  };
}

/** Labels and regions as they are evaluated, in the dataset's order, with their names. */
export function evaluationLabels(labels: LabelSet): readonly EvaluationLabel[] {
  return foregroundClasses(labels).map((values, i) => {
    const key = labels.hasRegions ? labels.regionsClassOrder[i] : values[0];
    return { values, name: labels.names.get(key) ?? values.join(' + ') };
  });
}

async function openPredictions(source: PredictionSource, caseFiles: CaseFileStore): Promise<OpenedSide> {
  if (source.kind === 'files') return openFiles(source.files);
  const maps = await Promise.all(source.cases.map((one) => segmentationOf(one, caseFiles)));
  return {
    maps,
    labels: undefined,
    imageOf: (name) => {
      const found = source.cases.find(({ caseId }) => nameKey(caseId) === nameKey(name));
      return found && { kind: 'case', id: found.id, files: found.files };
    },
  };
}

async function segmentationOf(
  { id, caseId }: CaseRecord,
  caseFiles: CaseFileStore,
): Promise<NamedSegmentation> {
  const file = await caseFiles.open(id, SEGMENTATION_FILE);
  return { name: caseId, files: [{ ...file, path: `${caseId}.nii.gz` }] };
}

async function openReferences(source: ReferenceSource, datasets: DatasetFolderStore): Promise<OpenedSide> {
  if (source.kind === 'files') return openFiles(source.files);
  const dataset = await openRawDataset(await datasets.files(source.name, 'raw'));
  return {
    maps: dataset.cases.flatMap(({ caseId, label }) => (label ? [{ name: caseId, files: [label] }] : [])),
    labels: { set: labelsOfDataset(dataset), from: source.name },
    imageOf: (name) => {
      const found = dataset.cases.find(({ caseId }) => nameKey(caseId) === nameKey(name));
      return found && found.images.length > 0 ? { kind: 'dataset' } : undefined;
    },
  };
}

async function openFiles(given: readonly GivenFile[]): Promise<OpenedSide> {
  const files = await unpackZips(filesOf(given));
  const json = files.find((file) => fileName(file) === NNUNET_FILES.dataset);
  return {
    maps: namedSegmentations(files.filter((file) => !/(^|\/)imagesT[rs]\//.test(file.path))),
    labels: json && { set: await labelsOfJson(json), from: json.path },
    imageOf: (name) => {
      const images = imagesOfCase(
        name,
        files.filter((file) => /(^|\/)imagesT[rs]\//.test(file.path)),
      );
      return images.length > 0 ? { kind: 'given', files: images } : undefined;
    },
  };
}

async function labelsOfJson(jsonFile: SourceFile): Promise<LabelSet> {
  const document = parseDatasetDocument(await readJson(jsonFile), jsonFile.path);
  return labelsOfDataset({ document, jsonFile });
}

function filesOf(given: readonly GivenFile[]): readonly SourceFile[] {
  return given.map(({ path, content }) => browserFile(content, path));
}
