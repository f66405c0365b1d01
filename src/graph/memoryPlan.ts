// Where every temporary lies: a few buffers, reused as tensors die. WebGPU forbids one buffer to be read and written by
// one dispatch, even in disjoint ranges, so tensors of one step always lie in different buffers.

/** A tensor that wants memory from its first to its last step, both included. */
export interface MemoryRequest {
  readonly bytes: number;
  readonly firstStep: number;
  readonly lastStep: number;
  /** Steps that bind it. */
  readonly steps: ReadonlySet<number>;
}

export interface Placement {
  readonly slot: number;
  /** Bytes, a multiple of 256. */
  readonly offset: number;
}

export interface MemoryPlan {
  /** Size of each buffer. */
  readonly slotBytes: readonly number[];
  /** Per request. */
  readonly placements: readonly Placement[];
}

interface Placed extends Placement {
  readonly request: MemoryRequest;
}

/** Bindings must begin at multiples of this many bytes. */
export const BINDING_ALIGNMENT = 256;

/** Rounds up to where the next binding can begin. */
export function alignBytes(bytes: number): number {
  return Math.ceil(bytes / BINDING_ALIGNMENT) * BINDING_ALIGNMENT;
}

/** Which tensors are placed first. None is best for every network, and trying all takes milliseconds. */
const PRIORITIES: readonly ((request: MemoryRequest) => number)[] = [
  ({ bytes }) => bytes,
  ({ firstStep }) => -firstStep,
  ({ lastStep }) => lastStep,
];

/** The smallest of a few greedy placements. */
export function planMemory(requests: readonly MemoryRequest[]): MemoryPlan {
  const plans = PRIORITIES.map((priority) => placeInOrder(requests, priority));
  return plans.reduce((best, plan) => (totalBytes(plan) < totalBytes(best) ? plan : best));
}

function totalBytes({ slotBytes }: MemoryPlan): number {
  return slotBytes.reduce((sum, bytes) => sum + bytes, 0);
}

/**
 * Places tensors of high priority first, each where the least room is left over, opening a buffer of its size where none
 * has room. A buffer may hold several tensors at once, side by side.
 */
function placeInOrder(
  requests: readonly MemoryRequest[],
  priority: (request: MemoryRequest) => number,
): MemoryPlan {
  const slotBytes: number[] = [];
  const placed: Placed[] = [];
  const placements: Placement[] = [];
  const order = requests.map((request, index) => ({ request, index }));
  order.sort(
    (a, b) => priority(b.request) - priority(a.request) || a.request.firstStep - b.request.firstStep,
  );
  for (const { request, index } of order) {
    const placement = tightestGap(request, slotBytes, placed) ?? { slot: slotBytes.length, offset: 0 };
    if (placement.slot === slotBytes.length) slotBytes.push(alignBytes(request.bytes));
    placed.push({ ...placement, request });
    placements[index] = placement;
  }
  return { slotBytes, placements };
}

/** The free stretch that `request` fills best, over all buffers. */
function tightestGap(
  request: MemoryRequest,
  slotBytes: readonly number[],
  placed: readonly Placed[],
): Placement | undefined {
  let best: (Placement & { readonly room: number }) | undefined;
  for (const [slot, bytes] of slotBytes.entries()) {
    const alive = placed.filter((other) => other.slot === slot && livesWith(request, other.request));
    if (alive.some((other) => shareStep(request, other.request))) continue;
    for (const gap of gapsBetween(alive, bytes)) {
      const isTighter = best === undefined || gap.room < best.room;
      if (gap.room >= request.bytes && isTighter) best = { slot, ...gap };
    }
  }
  return best && { slot: best.slot, offset: best.offset };
}

function livesWith(a: MemoryRequest, b: MemoryRequest): boolean {
  return a.firstStep <= b.lastStep && b.firstStep <= a.lastStep;
}

function shareStep(a: MemoryRequest, b: MemoryRequest): boolean {
  return [...a.steps].some((step) => b.steps.has(step));
}

/** Free stretches of a buffer of `bytes` around the tensors in it. */
function gapsBetween(alive: readonly Placed[], bytes: number): { offset: number; room: number }[] {
  const gaps: { offset: number; room: number }[] = [];
  let offset = 0;
  for (const { offset: start, request } of alive.toSorted((a, b) => a.offset - b.offset)) {
    if (start > offset) gaps.push({ offset, room: start - offset });
    offset = Math.max(offset, alignBytes(start + request.bytes));
  }
  if (bytes > offset) gaps.push({ offset, room: bytes - offset });
  return gaps;
}

/** Most bytes alive in one step: no plan can need less. */
export function memoryLowerBound(requests: readonly MemoryRequest[]): number {
  const at = (step: number) =>
    requests.reduce((sum, { firstStep, lastStep, bytes }) => {
      return firstStep <= step && step <= lastStep ? sum + bytes : sum;
    }, 0);
  return Math.max(0, ...requests.map(({ firstStep }) => at(firstStep)));
}
