// What stands behind the plain objects that the library hands out, out of sight of their types.
import { StudioError } from '@/shared/errors';

/** Keeps something behind objects of one kind. `maker` names the function that makes them, for the error. */
export interface Behind<Shown extends object, Inner> {
  put(shown: Shown, inner: Inner): Shown;
  /** Throws `NotOurs` for an object that `maker` did not make. */
  of(shown: Shown): Inner;
}

export function behind<Shown extends object, Inner>(what: string, maker: string): Behind<Shown, Inner> {
  const inners = new WeakMap<Shown, { readonly inner: Inner }>();
  return {
    put: (shown, inner) => {
      inners.set(shown, { inner });
      return shown;
    },
    of: (shown) => {
      const found = inners.get(shown);
      if (found) return found.inner;
      throw new StudioError('NotOurs', `This is not ${what} of nnstudio.`, `Get one from ${maker}().`);
    },
  };
}
