// Files of a model folder that hold weights. nnU-Net's are checkpoint_final.pth and so on, but it takes any name with -chk.

/** `fold_0/best.pth` below a model folder: the fold, and the name without its ending. */
const WEIGHTS = /^fold_([^/]+)\/([^/]+)\.(?:pth|pt|safetensors)$/;

/** Of which fold a file holds weights, and under which name; `undefined` of any other file. Paths are below the model folder. */
export function weightsFileOf(path: string): { readonly fold: string; readonly name: string } | undefined {
  const [, fold, name] = WEIGHTS.exec(path) ?? [];
  return fold === undefined ? undefined : { fold, name };
}

/** Whether a file holds weights of this fold. */
export function isWeightsOf(fold: string, path: string): boolean {
  return weightsFileOf(path)?.fold === fold;
}
