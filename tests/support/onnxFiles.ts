// Small ONNX networks and the models they are made of.
import { exportOnnx, type OnnxFile } from '@/app/models/exportOnnx';
import { type ImportedModel, importModel } from '@/core/interop/importModel';
import { encodeOnnxModel, type OnnxNode } from '@/core/interop/onnxProto';
import { memoryFile, readText, type SourceFile } from '@/core/io/sourceFile';
import { type ModelFolderOptions, modelFolderFiles } from './modelFolder';

/** The tiny model, and its files as ONNX. */
export async function tinyOnnx(
  options: ModelFolderOptions,
  shouldAverageFolds: boolean,
): Promise<{ readonly original: ImportedModel; readonly files: readonly OnnxFile[] }> {
  const folder = modelFolderFiles(options);
  const [original] = await importModel(folder);
  const textOf = async (name: string) => {
    const file = folder.find(({ path }) => path.endsWith(`/${name}`));
    if (!file) throw new Error(`the tiny model has no ${name}`);
    return readText(file);
  };
  const documents = { datasetJson: await textOf('dataset.json'), plansJson: await textOf('plans.json') };
  const files: OnnxFile[] = [];
  for await (const file of exportOnnx({ ...original, documents, shouldAverageFolds, citation: 'Doe 2026' })) {
    files.push(file);
  }
  return { original, files };
}

/** Three classes out of one channel: `nodes` make `h` of `x`, a pointwise convolution makes logits of `h`. */
export function threeClassNetwork(
  nodes: readonly OnnxNode[],
  shape: readonly (number | string)[],
): Uint8Array {
  return encodeOnnxModel({
    graphName: 'three classes',
    producer: 'test',
    opset: 17,
    nodes: [...nodes, { operator: 'Conv', inputs: ['h', 'w', 'b'], outputs: ['y'] }],
    initializers: [
      { name: 'w', shape: [3, 1, 1, 1, 1], data: Float32Array.of(0, 1, -1) },
      { name: 'b', shape: [3], data: Float32Array.of(0.3, 0, 0) },
    ],
    inputs: [{ name: 'x', shape }],
    outputs: [{ name: 'y', shape: [shape[0], 3, ...shape.slice(2)] }],
  });
}

/** The JSON of {@link threeClassNetwork}. */
export const THREE_CLASSES = {
  version: 1,
  name: 'Three classes',
  channels: ['MRI'],
  spacing: null,
  patch_size: [4, 8, 8],
  normalization: 'ZScoreNormalization',
  labels: { background: 0, bright: 1, dark: 2 },
};

export function onnxFile(content: Uint8Array, name = 'net.onnx'): SourceFile {
  return memoryFile(content, name);
}

export function jsonFile(content: unknown, name = 'net.json'): SourceFile {
  return memoryFile(new TextEncoder().encode(JSON.stringify(content)), name);
}
