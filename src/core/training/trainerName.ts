// Names of trainer classes: nnU-Net's own, behind which any length may stand.

/** A name taken apart: `nnUNetTrainerDA5_30epochs_20iterations_NoMirroring`. */
export interface TrainerNameParts {
  /** A variant of nnU-Net's that fixes everything but what follows. */
  readonly base: string;
  readonly epochs?: number;
  /** Training iterations of an epoch. */
  readonly iterationsPerEpoch?: number;
  readonly validationIterationsPerEpoch?: number;
  readonly isWithoutMirroring: boolean;
}

/** What may stand behind a variant, outermost last: of two lengths the last one counts, as the innermost class. */
const ENDINGS: readonly [
  pattern: RegExp,
  parts: (count: number) => Partial<Omit<TrainerNameParts, 'base'>>,
][] = [
  [/_NoMirroring$/, () => ({ isWithoutMirroring: true })],
  [/_(\d+)val$/, (count) => ({ validationIterationsPerEpoch: count })],
  [/_(\d+)iterations$/, (count) => ({ iterationsPerEpoch: count })],
  [/_(1)epoch$/, (count) => ({ epochs: count })],
  [/_(\d+)epochs$/, (count) => ({ epochs: count })],
];

/** Takes a name apart; `undefined` where no variant is at its beginning, or a count is 0. */
export function trainerNameParts(
  name: string,
  isVariant: (name: string) => boolean,
): TrainerNameParts | undefined {
  if (isVariant(name)) return { base: name, isWithoutMirroring: false };
  for (const [pattern, partsOf] of ENDINGS) {
    const match = pattern.exec(name);
    if (!match) continue;
    const inner = trainerNameParts(name.slice(0, match.index), isVariant);
    const count = match[1] === undefined ? 1 : Number(match[1]);
    return inner && Number.isSafeInteger(count) && count >= 1 ? { ...inner, ...partsOf(count) } : undefined;
  }
  return undefined;
}

/** Trainers of nnU-Net whose networks are not built here, by their class names. */
const OUTSIDE: readonly [pattern: RegExp, what: string][] = [
  [
    /^(Dynamic)?PretrainedTrainer/,
    'fine-tunes a network that nnssl pretrained, whose checkpoint and network nnStudio cannot read',
  ],
  [
    /^(nnUNet)?_?Primus(V\d)?|^AbstractPrimus$/,
    'trains a transformer (Primus), and nnStudio builds nnU-Net’s convolutional networks only',
  ],
];

/** What a trainer does that is left out here; `undefined` of any other name. */
export function outsideTrainer(name: string): string | undefined {
  return OUTSIDE.find(([pattern]) => pattern.test(name))?.[1];
}
