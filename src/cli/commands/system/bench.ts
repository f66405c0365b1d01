import os from 'node:os';
import { benchmarkGpu } from '@/app/system/benchmarkGpu';
import { benchmarkText } from '@/app/system/benchmarkReport';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { nodeTuning } from '@/storage/nodeTuning';
import { Outputs } from '@/storage/outputs';
import type { BenchmarkProgress } from '@/workers/system/api';
import { version } from '../../../../package.json';
import { type Command, EXIT } from '../../command';
import { isGiven, numberOf, type ParsedOptions, textOf, UsageError } from '../../options';
import { ProgressLine } from '../../progressLine';

export const benchCommand: Command = {
  name: 'bench',
  summary: 'measures this GPU: its peak, and networks on it, forward and in training',
  usage: '[OPTIONS]',
  options: [
    {
      names: ['-minutes'],
      kind: 'number',
      value: 'N',
      description: 'leaves out what does not fit in (default 5; 1 on a software adapter)',
    },
    { names: ['--all'], kind: 'flag', description: 'leaves nothing out, however long it takes' },
    { names: ['-o'], kind: 'text', value: 'FILE', description: 'also writes the report there' },
    { names: ['--no_pbar'], kind: 'flag', description: 'no progress line' },
  ],
  notes: [
    'Prints the report that System > Benchmark this GPU gives in the studio: Markdown, to be pasted as it is.',
    'Milliseconds are the median of runs after warming up. GFLOP count convolutions, a multiply-add as two, padding as',
    'work. The peak is what chains of multiply-adds reach that nothing holds up; "of peak" is the share of it, in f32.',
    'Planned bytes are known before anything is allocated. Nothing is sent anywhere.',
  ],
  examples: ['nnstudio bench', 'nnstudio bench -minutes 20 -o report.md'],
  run,
};

async function run(options: ParsedOptions, signal: AbortSignal): Promise<number> {
  const minutes = numberOf(options, '-minutes', Number.NaN);
  if (minutes <= 0) throw new UsageError('-minutes must be positive.');
  if (isGiven(options, '--all') && isGiven(options, '-minutes')) {
    throw new UsageError('--all and -minutes exclude each other.');
  }
  const line = new ProgressLine(!isGiven(options, '--no_pbar'));
  const figures = await benchmarkGpu({
    open: openNodeGpu,
    tuning: nodeTuning(),
    signal,
    onProgress: (progress) => line.show(...shown(progress)),
    ...(isGiven(options, '--all') && { limitSeconds: Number.POSITIVE_INFINITY }),
    ...(isGiven(options, '-minutes') && { limitSeconds: 60 * minutes }),
  }).finally(() => line.clear());
  const text = benchmarkText({ figures, environment: nodeEnvironment() });
  console.log(text.trimEnd());
  const file = textOf(options, '-o');
  if (file !== undefined) await (await Outputs.beside([])).writeFile(file, text);
  return EXIT.ok;
}

function shown({ step, steps, doing, share, secondsLeft }: BenchmarkProgress) {
  const left = secondsLeft === undefined ? {} : { secondsLeft };
  return [`${step} of ${steps}`, { stage: doing, share, ...left }] as const;
}

function nodeEnvironment() {
  const processor = os.cpus()[0]?.model.trim() ?? 'unknown processor';
  return {
    version,
    runtime: `Node ${process.version} (Dawn)`,
    system: `${os.type()} ${os.release()}, ${os.arch()}, ${processor}, ${os.availableParallelism()} threads`,
  };
}
