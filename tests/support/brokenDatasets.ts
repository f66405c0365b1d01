// Ways to break the tiny dataset, each with what the message about it must say.
import { gzipSync } from 'node:zlib';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { writeZip } from '@/core/io/zipStream';
import {
  type DatasetContents,
  filesOf,
  jsonBytes,
  labelValues,
  TINY_DATASET,
  TINY_JSON,
  tinyDataset,
  tinyImage,
  tinyLabels,
} from './tinyDataset';

const changed = (contents: DatasetContents, path: string, content: Uint8Array) => contents.set(path, content);

/**
 * Breaks one case of a tiny dataset, or the dataset as a whole, and returns what the messages must then say: case or
 * file, and the remedy. `random` is uniform in [0, 1).
 */
export type Breakage = (contents: DatasetContents, caseId: string, random: () => number) => RegExp;

/** Of one case: several of them leave each other's messages alone. */
export const CASE_BREAKAGES: Readonly<Record<string, Breakage>> = {
  'a label map is missing': (contents, caseId) => {
    contents.delete(`labelsTr/${caseId}.nii`);
    return new RegExp(`${caseId}: .*labelsTr/${caseId}.nii is missing. Add`);
  },
  'a channel is missing': (contents, caseId) => {
    contents.delete(`imagesTr/${caseId}_0001.nii`);
    return new RegExp(`${caseId}: 1 channel.*names 2 .*Add or remove`);
  },
  'the first channel is missing': (contents, caseId) => {
    contents.delete(`imagesTr/${caseId}_0000.nii`);
    return new RegExp(`${caseId}: its channel files are numbered 0001.*add the missing file`);
  },
  'the label map has another shape': (contents, caseId) => {
    changed(contents, `labelsTr/${caseId}.nii`, tinyLabels({ dim: [12, 10, 7] }));
    return new RegExp(`${caseId}: the image is 12 × 10 × 8 voxels .* its label map 12 × 10 × 7 .*Export`);
  },
  'channels differ in shape': (contents, caseId) => {
    changed(
      contents,
      `imagesTr/${caseId}_0001.nii`,
      tinyImage(1, { dim: [12, 10, 9], values: new Float32Array(1080) }),
    );
    return new RegExp(`${caseId}: .*${caseId}_0001.nii is 12 × 10 × 9 .*Resample`);
  },
  'the label map has another voxel size': (contents, caseId) => {
    changed(contents, `labelsTr/${caseId}.nii`, tinyLabels({ pixdim: [1, 1, 2.5] }));
    return new RegExp(`${caseId}: voxels of the image are 1 × 1 × 2 mm .* 1 × 1 × 2.5 mm .*Write the same`);
  },
  'a label is not declared': (contents, caseId, random) => {
    const values = labelValues();
    const stray = 3 + Math.floor(random() * 200);
    values[Math.floor(random() * values.length)] = stray;
    changed(contents, `labelsTr/${caseId}.nii`, tinyLabels({ values }));
    return new RegExp(
      `${caseId}: .*holds the values ${stray}, which dataset.json does not declare .*Correct`,
    );
  },
  'a label is no whole number': (contents, caseId) => {
    const values = Float32Array.from(labelValues());
    values[5] = 1.5;
    changed(contents, `labelsTr/${caseId}.nii`, tinyLabels({ values, type: 'float32' }));
    return new RegExp(`${caseId}: .*holds the values 1.5`);
  },
  'the image holds NaN': (contents, caseId, random) => {
    const values = new Float32Array(960).fill(1);
    values[Math.floor(random() * 960)] = Number.NaN;
    changed(contents, `imagesTr/${caseId}_0000.nii`, tinyImage(1, { values }));
    return new RegExp(`${caseId}: .*${caseId}_0000.nii: 1 voxel is NaN.*Replace`);
  },
  'the label map holds NaN': (contents, caseId) => {
    const values = Float32Array.from(labelValues());
    values[7] = Number.NaN;
    changed(contents, `labelsTr/${caseId}.nii`, tinyLabels({ values, type: 'float32' }));
    return new RegExp(`${caseId}: .*labelsTr/${caseId}.nii: 1 voxel is NaN.*Replace`);
  },
  'a file is cut short': (contents, caseId, random) => {
    const whole = tinyImage(1);
    changed(contents, `imagesTr/${caseId}_0000.nii`, whole.slice(0, 400 + Math.floor(random() * 3000)));
    return new RegExp(`${caseId}: .*${caseId}_0000.nii`);
  },
  'a file is empty': (contents, caseId) => {
    changed(contents, `labelsTr/${caseId}.nii`, new Uint8Array(0));
    return new RegExp(`${caseId}: .*labelsTr/${caseId}.nii`);
  },
  'a file is something else': (contents, caseId, random) => {
    const noise = Uint8Array.from({ length: 2000 }, () => Math.floor(random() * 256));
    changed(contents, `imagesTr/${caseId}_0001.nii`, noise);
    return new RegExp(`${caseId}: .*${caseId}_0001.nii`);
  },
  'there is a channel too many': (contents, caseId) => {
    changed(contents, `imagesTr/${caseId}_0002.nii`, tinyImage(3));
    return new RegExp(`${caseId}: 3 channel.*names 2 .*Add or remove`);
  },
  'a channel number is left out': (contents, caseId) => {
    contents.delete(`imagesTr/${caseId}_0001.nii`);
    changed(contents, `imagesTr/${caseId}_0002.nii`, tinyImage(3));
    return new RegExp(`${caseId}: its channel files are numbered 0000, 0002.*add the missing file`);
  },
  'the image holds an infinity': (contents, caseId, random) => {
    const values = new Float32Array(960).fill(1);
    values[Math.floor(random() * 960)] = Number.NEGATIVE_INFINITY;
    changed(contents, `imagesTr/${caseId}_0001.nii`, tinyImage(1, { values }));
    return new RegExp(`${caseId}: .*${caseId}_0001.nii: 1 voxel is NaN or infinite.*Replace`);
  },
  'channels differ in voxel size': (contents, caseId) => {
    changed(contents, `imagesTr/${caseId}_0001.nii`, tinyImage(1, { pixdim: [1, 1.5, 2] }));
    return new RegExp(`${caseId}: .*${caseId}_0001.nii has voxels of 1 × 1.5 × 2 mm.*Resample`);
  },
  'a label is negative': (contents, caseId) => {
    const values = Int16Array.from(labelValues());
    values[11] = -1;
    changed(contents, `labelsTr/${caseId}.nii`, tinyLabels({ values, type: 'int16' }));
    return new RegExp(`${caseId}: .*holds the values -1, which dataset.json does not declare .*Correct`);
  },
  'the label map has four axes': (contents, caseId) => {
    const values = new Uint8Array(1920);
    changed(contents, `labelsTr/${caseId}.nii`, tinyLabels({ dim: [12, 10, 8, 2], values }));
    return new RegExp(`${caseId}: .*labelsTr/${caseId}.nii`);
  },
  'the header claims far more voxels than there are': (contents, caseId, random) => {
    const image = tinyImage(1);
    const view = new DataView(image.buffer, image.byteOffset);
    for (const axis of [1, 2, 3]) view.setInt16(40 + 2 * axis, 20000 + Math.floor(random() * 12000), true);
    changed(contents, `imagesTr/${caseId}_0000.nii`, image);
    return new RegExp(`${caseId}: .*${caseId}_0000.nii`);
  },
  'a size in the header is zero': (contents, caseId) => {
    const image = tinyImage(1);
    new DataView(image.buffer, image.byteOffset).setInt16(42, 0, true);
    changed(contents, `imagesTr/${caseId}_0000.nii`, image);
    return new RegExp(`${caseId}: .*${caseId}_0000.nii`);
  },
  'a voxel size is NaN': (contents, caseId) => {
    changed(contents, `imagesTr/${caseId}_0000.nii`, tinyImage(1, { pixdim: [Number.NaN, 1, 2] }));
    return new RegExp(`${caseId}: .*${caseId}_0000.nii`);
  },
};

/** Of the dataset as a whole. */
export const DATASET_BREAKAGES: Readonly<Record<string, Breakage>> = {
  'two cases differ in capitals only': (contents, caseId) => {
    for (const [path, content] of [...contents]) {
      if (path.includes(caseId)) contents.set(path.replace(caseId, caseId.toUpperCase()), content);
    }
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, numTraining: 7 }));
    return new RegExp(`${caseId}.*rename one`);
  },
  'a case is one too few': (contents, caseId) => {
    for (const path of [...contents.keys()]) if (path.includes(caseId)) contents.delete(path);
    return /numTraining 6, but there are 5 cases.*Correct the number/;
  },
  'dataset.json is no JSON': (contents) => {
    changed(contents, 'dataset.json', new TextEncoder().encode('{"labels": '));
    return /dataset.json is not valid JSON/;
  },
  'dataset.json lacks a key': (contents, _, random) => {
    const keys = ['labels', 'channel_names', 'numTraining', 'file_ending'];
    const lost = keys[Math.floor(random() * keys.length)];
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, [lost]: undefined }));
    return new RegExp(`dataset.json: ${lost} is missing; the file has .*Write "${lost}"`);
  },
  'dataset.json is missing': (contents) => {
    contents.delete('dataset.json');
    return /No dataset.json.*DatasetXXX_Name/;
  },
  'labels have a gap': (contents) => {
    changed(
      contents,
      'dataset.json',
      jsonBytes({ ...TINY_JSON, labels: { background: 0, organ: 1, lesion: 2, cyst: 4 } }),
    );
    return /labels must be 0, 1, 2, .*Renumber 4/;
  },
  'background is missing': (contents) => {
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, labels: { organ: 1, lesion: 2 } }));
    return /no background/;
  },
  'the ignore label is not the highest': (contents) => {
    const labels = { ...TINY_JSON.labels, ignore: 7 };
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, labels }));
    return /labels.ignore must be 3/;
  },
  'regions have no order': (contents) => {
    const labels = { background: 0, whole: [1, 2], lesion: 2 };
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, labels }));
    return /regions_class_order is missing.*Write "regions_class_order": \[/;
  },
  'the file ending is unknown': (contents) => {
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, file_ending: '.xyz' }));
    return /dataset.json has the file_ending .xyz, but no image is named case_0000.xyz.*Correct file_ending/;
  },
  'labelsTr is missing': (contents) => {
    for (const path of [...contents.keys()]) if (path.startsWith('labelsTr')) contents.delete(path);
    return /case_0: its label map labelsTr\/case_0.nii is missing. Add/;
  },
  'compressed files are cut short or damaged': (contents, caseId, random) => {
    for (const [path, content] of [...contents]) {
      if (!path.endsWith('.nii')) continue;
      contents.delete(path);
      contents.set(`${path}.gz`, new Uint8Array(gzipSync(content, { level: 1 })));
    }
    const path = `imagesTr/${caseId}_0000.nii.gz`;
    const whole = contents.get(path) ?? new Uint8Array();
    const at = 20 + Math.floor(random() * (whole.length - 40));
    changed(
      contents,
      path,
      random() < 0.5 ? whole.slice(0, at) : whole.map((byte, i) => (i === at ? byte ^ 0xff : byte)),
    );
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, file_ending: '.nii.gz' }));
    return new RegExp(`${caseId}: .*${caseId}_0000.nii.gz`);
  },
  'dataset.json is no object': (contents, _, random) => {
    const contentsOfFile = ['[]', 'null', '"x"', '3', ''][Math.floor(random() * 5)];
    changed(contents, 'dataset.json', new TextEncoder().encode(contentsOfFile));
    return /dataset.json(: the file as a whole| is not valid JSON)/;
  },
  'dataset.json has a value of the wrong kind': (contents, _, random) => {
    const wrong = [
      { numTraining: '6' },
      { numTraining: -6 },
      { numTraining: 6.5 },
      { channel_names: ['T1', 'CT'] },
      { channel_names: { '0': 1, '1': 2 } },
      { labels: { background: '0', organ: 1, lesion: 2 } },
      { labels: { background: 0, organ: 1.5 } },
      { labels: ['background', 'organ'] },
      { labels: { background: 0, organ: [], lesion: 2 } },
      { file_ending: 'nii' },
      { file_ending: 7 },
      { regions_class_order: 'all' },
      { dataset: { case_0: { images: [], label: 'x' } } },
      { dataset: { case_0: 'imagesTr' } },
    ];
    const change = wrong[Math.floor(random() * wrong.length)];
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, ...change }));
    return new RegExp(`dataset.json.*${Object.keys(change)[0]}`);
  },
  'numTraining is wrong': (contents, _, random) => {
    const numTraining = 7 + Math.floor(random() * 1000);
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, numTraining }));
    return new RegExp(`numTraining ${numTraining}, but there are 6 cases .*case_0.*Correct the number`);
  },
  'channels are not numbered': (contents) => {
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, channel_names: { T1: '0', CT: '1' } }));
    return /channel_names is turned round.*"0": "T1", "1": "CT"/;
  },
  'background is not 0': (contents) => {
    const labels = { background: 1, organ: 2, lesion: 3 };
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, labels }));
    return /no background with the value 0.*Correct dataset.json/;
  },
  'the ignore label is a region': (contents) => {
    const labels = { ...TINY_JSON.labels, ignore: [1, 2] };
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, labels }));
    return /labels.ignore must be 3.*Correct dataset.json/;
  },
  'the order of regions is too short': (contents) => {
    const labels = { background: 0, whole: [1, 2], lesion: 2 };
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, labels, regions_class_order: [1] }));
    return /regions_class_order has 1 entry for 2 regions.*Write "regions_class_order"/;
  },
  'the file ending is that of another format': (contents) => {
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, file_ending: '.nii.gz' }));
    return /dataset.json has the file_ending .nii.gz, .*; the first is .*case_0_0000.nii. Correct file_ending/;
  },
  'no reader takes the ending': (contents) => {
    for (const [path, content] of [...contents]) {
      if (path.endsWith('.nii')) contents.set(path.replace(/nii$/, 'jpg'), content);
    }
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, file_ending: '.jpg' }));
    return /No reader of nnU-Net takes files that end in .jpg.*convert to PNG/;
  },
  'the table of files names one that is not there': (contents, caseId) => {
    const dataset = Object.fromEntries(
      [0, 1, 2, 3, 4, 5].map((i) => {
        const images = [`imagesTr/case_${i}_0000.nii`, `imagesTr/case_${i}_0001.nii`];
        return [`case_${i}`, { images, label: `labelsTr/case_${i}.nii` }];
      }),
    );
    dataset[caseId] = { images: ['../../etc/x_0000.nii', 'imagesTr/absent.nii'], label: '/no/where.nii' };
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, dataset }));
    return new RegExp(
      `${caseId}: imagesTr/absent.nii is missing. Add.*${caseId}: its label map /no/where.nii is missing`,
      's',
    );
  },
  'images lie one folder too deep': (contents) => {
    for (const [path, content] of [...contents]) {
      if (!path.startsWith('imagesTr/')) continue;
      contents.delete(path);
      contents.set(path.replace('imagesTr/', 'imagesTr/all/'), content);
    }
    return /imagesTr missing or empty.*DatasetXXX_Name/;
  },
  'there is no file at all': (contents) => {
    contents.clear();
    return /No dataset.json among the 0 files.*DatasetXXX_Name/;
  },
};

export const BREAKAGES: Readonly<Record<string, Breakage>> = { ...CASE_BREAKAGES, ...DATASET_BREAKAGES };

const TURNED = (offset: number, flip: 1 | -1) => ({
  code: 1,
  rows: [
    [flip, 0, 0, offset],
    [0, 1, 0, 0],
    [0, 0, 2, 0],
  ],
});

/** What nnU-Net itself lets pass: a warning, and the dataset can be trained. */
export const ODDITIES: Readonly<Record<string, Breakage>> = {
  'the label map lies elsewhere': (contents, caseId, random) => {
    const sform = TURNED(5 + Math.floor(random() * 50), 1);
    changed(contents, `labelsTr/${caseId}.nii`, tinyLabels({ sform }));
    return new RegExp(
      `${caseId}: image and label map differ in position: the first voxel of the image is at .* mm apart.*look at them together`,
    );
  },
  'the label map runs the other way': (contents, caseId) => {
    changed(contents, `labelsTr/${caseId}.nii`, tinyLabels({ sform: TURNED(0, -1) }));
    return new RegExp(
      `${caseId}: image and label map differ in position: the first voxel of the image is at .* mm apart.*look at them together`,
    );
  },
  'a channel lies elsewhere': (contents, caseId) => {
    changed(contents, `imagesTr/${caseId}_0001.nii`, tinyImage(1, { sform: TURNED(9, 1) }));
    return new RegExp(`${caseId}: .*${caseId}_0001.nii`);
  },
  'an image is empty': (contents, caseId) => {
    for (const channel of ['0000', '0001'])
      changed(contents, `imagesTr/${caseId}_${channel}.nii`, tinyImage(1, { values: new Uint8Array(960) }));
    return new RegExp(`${caseId}: Every voxel of the image is zero. Check`);
  },
  'a label map is empty': (contents, caseId) => {
    changed(contents, `labelsTr/${caseId}.nii`, tinyLabels({ values: new Uint8Array(960) }));
    return new RegExp(
      `${caseId}: labelsTr/${caseId}.nii holds background only. Check`.replace('labelsTr', '.*labelsTr'),
    );
  },
  'a label map has no image': (contents) => {
    changed(contents, 'labelsTr/orphan.nii', tinyLabels());
    return /labelsTr\/orphan.nii is a label map without an image and is left out. Rename or remove it/;
  },
  'there is a file that belongs to no case': (contents) => {
    changed(contents, 'imagesTr/notes.txt', new Uint8Array(3));
    return /imagesTr\/notes.txt is not named case_0000.nii and is left out. Rename or remove it/;
  },
  'the reader that dataset.json names is unknown': (contents) => {
    changed(contents, 'dataset.json', jsonBytes({ ...TINY_JSON, overwrite_image_reader_writer: 'MyIO' }));
    return /no reader MyIO, as dataset.json names it; one is chosen by the file ending/;
  },
};

/** Ways to hand over a right dataset that cannot be taken. */
export const BAD_PACKAGES: Readonly<
  Record<
    string,
    (contents: DatasetContents, random: () => number) => { files: readonly SourceFile[]; expected: RegExp }
  >
> = {
  'a zip that is cut short': (contents, random) => {
    const whole = zipOf(contents);
    return {
      files: [zipFile(whole.slice(0, 30 + Math.floor(random() * (whole.length - 60))))],
      expected: /tiny.zip/,
    };
  },
  'a zip that is something else': (_, random) => {
    const noise = Uint8Array.from({ length: 3000 }, () => Math.floor(random() * 256));
    return { files: [zipFile(noise)], expected: /tiny.zip/ };
  },
  'an empty zip': () => ({ files: [zipFile(writeZip([]))], expected: /No dataset.json/ }),
  'an empty file': () => ({ files: [zipFile(new Uint8Array())], expected: /tiny.zip/ }),
  'a zip that climbs out of its folder': (contents) => ({
    files: [zipFile(zipOf(contents, '../../'))],
    expected: /tiny.zip.*\.\.\/\.\.\//,
  }),
  'a zip with absolute paths': (contents) => ({
    files: [zipFile(zipOf(contents, '/etc/'))],
    expected: /tiny.zip.*\/etc\//,
  }),
  'a zip with a damaged entry': (contents, random) => {
    const whole = zipOf(contents);
    // Past the first local header and before the directory.
    const at = 200 + Math.floor(random() * 20_000);
    return {
      files: [zipFile(whole.map((byte, i) => (i === at ? byte ^ 0xff : byte)))],
      expected: /\.(nii|json|zip)/,
    };
  },
  'a zip of two datasets': (contents) => {
    const entries = ['Dataset001_A', 'Dataset002_B'].flatMap((name) =>
      [...contents].map(([path, content]) => ({ path: `${name}/${path}`, content })),
    );
    return {
      files: [zipFile(writeZip(entries))],
      expected: /2 datasets: Dataset001_A.*Dataset002_B.*Give one/,
    };
  },
  'two folders at once': (contents) => ({
    files: [...filesOf(contents, 'Dataset001_A'), ...filesOf(contents, 'Dataset002_B')],
    expected: /2 datasets: Dataset001_A.*Dataset002_B.*Give one/,
  }),
};

function zipOf(contents: DatasetContents, below = `${TINY_DATASET}/`): Uint8Array {
  return writeZip([...contents].map(([path, content]) => ({ path: below + path, content })));
}

function zipFile(content: Uint8Array): SourceFile {
  return memoryFile(content, 'tiny.zip');
}

/** The tiny dataset with a few bytes of its files changed at will; what becomes of it is anybody's guess. */
export function scribbledOver(random: () => number): DatasetContents {
  const contents = tinyDataset();
  const paths = [...contents.keys()];
  for (let i = 1 + Math.floor(random() * 4); i > 0; i--) {
    const path = paths[Math.floor(random() * paths.length)];
    const bytes = (contents.get(path) ?? new Uint8Array()).slice();
    // Mostly in the header, where it hurts.
    const reach = random() < 0.8 ? Math.min(352, bytes.length) : bytes.length;
    bytes[Math.floor(random() * reach)] = Math.floor(random() * 256);
    contents.set(path, bytes);
  }
  return contents;
}
