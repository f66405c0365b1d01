import { describe, expect, test } from 'vitest';
import { fileOfWeights, weightsOfFile } from '@/core/interop/foreignNetwork';
import { importModel } from '@/core/interop/importModel';
import type { StateDict } from '@/core/interop/model';
import { encodeOnnxModel, type OnnxNode } from '@/core/interop/onnxProto';
import { readOnnx } from '@/core/interop/onnxReader';
import { readText } from '@/core/io/sourceFile';
import { jsonFile, onnxFile, THREE_CLASSES, threeClassNetwork, tinyOnnx } from '../../support/onnxFiles';

const RELU: OnnxNode = { operator: 'Relu', inputs: ['x'], outputs: ['h'] };
const SHAPE = ['batch', 1, 4, 8, 8];
const named = (name: string, message: RegExp) =>
  expect.objectContaining({ name, message: expect.stringMatching(message) });
const importForeign = async (node: OnnxNode, description: unknown = THREE_CLASSES) =>
  (await importModel([onnxFile(threeClassNetwork([node], SHAPE)), jsonFile(description)]))[0];

function plain(weights: StateDict) {
  return new Map(
    [...weights].map(([name, { shape, data }]) => [name, { shape: [...shape], data: [...data] }]),
  );
}

describe('a file of export_onnx', () => {
  test.each([
    { what: 'a fold', shouldAverageFolds: false },
    { what: 'all folds averaged', shouldAverageFolds: true },
  ])('with $what is the model it was made of, weights to the bit', async ({ shouldAverageFolds }) => {
    const { original, files } = await tinyOnnx({ folds: ['0', '1'], mirrorAxes: [0, 2] }, shouldAverageFolds);
    const folds: string[] = [];
    for (const { name, content } of files) {
      const [imported] = await importModel([onnxFile(content, name)]);
      const { folds: found, ...facts } = imported.model;
      const { folds: _, ...expected } = original.model;
      expect(facts).toEqual(expected);
      expect(imported.sharing).toEqual({ citation: 'Doe 2026' });
      for (const { fold } of found) {
        expect(plain(await imported.loadFold(fold))).toEqual(plain(await original.loadFold(fold)));
        folds.push(fold);
      }
    }
    expect(folds).toEqual(['0', '1']);
    expect(files.map(({ name }) => name)).toEqual(
      shouldAverageFolds
        ? ['Dataset001_Tiny__nnUNetTrainer__nnUNetPlans__3d_fullres__folds_0_1.onnx']
        : [0, 1].map((i) => `Dataset001_Tiny__nnUNetTrainer__nnUNetPlans__3d_fullres__fold_${i}.onnx`),
    );
  });

  test('says in its metadata what somebody needs who runs it elsewhere', async () => {
    const { files } = await tinyOnnx({ folds: ['0'], mirrorAxes: [1] }, false);
    const text = readOnnx(files[0].content, 'f').metadata.get('nnstudio') ?? '';
    expect(JSON.parse(text)).toMatchObject({
      version: 1,
      configuration: '3d_fullres',
      folds: ['0'],
      folds_averaged: false,
      input: { name: 'x', layout: 'NCZYX', channels: ['MRI'] },
      preprocessing: {
        spacing_mm: [3, 1, 1],
        normalization: [{ channel: 'MRI', scheme: 'ZScoreNormalization' }],
      },
      sliding_window: { patch_size: [4, 16, 16], step_size: 0.5, mirror_axes: [1] },
      output: {
        name: 'logits',
        activation_to_apply: 'softmax',
        channels: [{ name: 'background' }, { name: 'organ' }, { name: 'lesion' }],
      },
    });
  });

  test('keeps dataset.json and plans.json, and only folds that it has can be asked for', async () => {
    const { files } = await tinyOnnx({ folds: ['0', '1'] }, true);
    const [{ files: kept, model }] = await importModel([onnxFile(files[0].content)], { folds: ['1'] });
    expect(kept.map(({ path }) => path).sort()).toEqual(['dataset.json', 'plans.json']);
    expect(model.folds.map(({ fold }) => fold)).toEqual(['1']);
    const plans = kept.find(({ path }) => path === 'plans.json');
    expect(JSON.parse(plans ? await readText(plans) : '')).toMatchObject({ plans_name: 'nnUNetPlans' });
    await expect(importModel([onnxFile(files[0].content)], { folds: ['4'] })).rejects.toEqual(
      named('MissingFold', /no fold 4; it has 0, 1/),
    );
  });

  test('is read from a Buffer of Node too, and refused where it ends too early', async () => {
    const { files, original } = await tinyOnnx({ folds: ['0'] }, false);
    const [imported] = await importModel([onnxFile(Buffer.from(files[0].content))]);
    expect(plain(await imported.loadFold('0'))).toEqual(plain(await original.loadFold('0')));
    for (const share of [0.2, 0.5, 0.999]) {
      const cut = files[0].content.slice(0, Math.floor(files[0].content.length * share));
      await expect(importModel([onnxFile(cut)])).rejects.toEqual(
        named('BadOnnx', /net\.onnx cannot be read/),
      );
    }
  });
});

describe('a foreign network with its JSON', () => {
  test.each([
    [{ operator: 'ArgMax', inputs: ['l'], outputs: ['y'] }],
    [
      { operator: 'ArgMax', inputs: ['l'], outputs: ['m'] },
      { operator: 'Cast', inputs: ['m'], outputs: ['c'] },
      { operator: 'Squeeze', inputs: ['c'], outputs: ['y'] },
    ],
    [{ operator: 'Greater', inputs: ['l', 'b'], outputs: ['y'] }],
  ] as const)('that ends in labels is refused as that: %#', async (...end) => {
    const conv = { operator: 'Conv', inputs: ['x', 'w', 'b'], outputs: ['l'] };
    const content = encodeOnnxModel({
      graphName: 'labels',
      producer: 'test',
      opset: 17,
      nodes: [conv, ...end],
      initializers: [
        { name: 'w', shape: [3, 1, 1, 1, 1], data: Float32Array.of(0, 1, -1) },
        { name: 'b', shape: [3], data: Float32Array.of(0.3, 0, 0) },
      ],
      inputs: [{ name: 'x', shape: SHAPE }],
      outputs: [{ name: 'y', shape: ['batch', 1, 4, 8, 8] }],
    });
    await expect(importModel([onnxFile(content), jsonFile(THREE_CLASSES)])).rejects.toEqual(
      named(
        'BadDescription',
        new RegExp(`net\\.onnx ends in ${end[0].operator}: it gives labels, and logits are needed\\. Export`),
      ),
    );
  });

  test('runs on our own kernels where every operator is known', async () => {
    const { model } = await importForeign(RELU);
    expect(model.foreignNetwork).toMatchObject({ engine: 'graph', channelsAre: 'first', activation: 'none' });
    expect(model).toMatchObject({ datasetName: 'Three classes', channelNames: ['MRI'], mirrorAxes: [] });
    expect([...model.labels.names.values()]).toEqual(['background', 'bright', 'dark']);
  });

  test.each([
    { node: { ...RELU, operator: 'Elu' }, reason: /do not know Elu$/ },
    { node: { ...RELU, operator: 'Add', inputs: ['x', 'b'] }, reason: /Add of a constant/ },
  ])('is left to onnxruntime where one is not: $node.operator', async ({ node, reason }) => {
    const { foreignNetwork } = (await importForeign(node)).model;
    expect(foreignNetwork?.engine).toBe('onnxruntime');
    expect(foreignNetwork?.reason).toMatch(reason);
  });

  test.each([
    { change: { channels: ['T1', 'T2'] }, name: 'BadDescription', message: /makes that \[N, 2, 4, 8, 8\]/ },
    { change: { labels: { background: 0, a: 1 } }, name: 'BadDescription', message: /gives .* labels/ },
    { change: { patch_size: [4, 8] }, name: 'BadDescription', message: /makes that \[N, 1, 4, 8\]/ },
    { change: { patch_size: [4, 8, 0] }, name: 'BadDescription', message: /net\.json: patch_size\[2\]/ },
    { change: { normalization: 'Minmax' }, name: 'BadDescription', message: /net\.json: normalization/ },
    { change: { spacing: [1, 1] }, name: 'BadDescription', message: /spacing: has 2 numbers/ },
    { change: { layout: 'CNZYX' }, name: 'BadDescription', message: /layout: must begin with N/ },
    { change: { labels: { organ: 1 } }, name: 'BadDescription', message: /no background/ },
    { change: { version: 2 }, name: 'BadDescription', message: /version/ },
  ])('whose JSON is wrong is refused with the place: $change', async ({ change, name, message }) => {
    await expect(importForeign(RELU, { ...THREE_CLASSES, ...change })).rejects.toEqual(named(name, message));
  });

  test('without a JSON it is asked for by name', async () => {
    const file = onnxFile(threeClassNetwork([RELU], SHAPE), 'brain.onnx');
    await expect(importModel([file])).rejects.toEqual(
      named('NeedsDescription', /Put a brain\.json beside it/),
    );
  });

  test('is kept byte for byte, whatever its length', () => {
    for (const length of [1, 4, 7, 1026]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 7) % 256);
      expect(fileOfWeights(weightsOfFile(bytes))).toEqual(bytes);
    }
  });
});
