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

interface Placement {
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

/** A buffer while tensors are being placed. */
interface Slot {
  readonly bytes: number;
  /** Who lies there at any time, by offset. */
  readonly tenants: Tenant[];
  /** Not 0 for steps that bind one of them. */
  readonly isBound: Uint8Array;
}

interface Tenant {
  readonly start: number;
  /** Where the next binding could begin. */
  readonly end: number;
  readonly firstStep: number;
  readonly lastStep: number;
}

/** Bindings must begin at multiples of this many bytes. */
const BINDING_ALIGNMENT = 256;

/** Rounds up to where the next binding can begin. */
export function alignBytes(bytes: number): number {
  return Math.ceil(bytes / BINDING_ALIGNMENT) * BINDING_ALIGNMENT;
}

/** Which tensors are placed first. None is best for every network. */
const PRIORITIES: readonly ((request: MemoryRequest) => number)[] = [
  ({ bytes }) => bytes,
  ({ firstStep }) => -firstStep,
  ({ lastStep }) => lastStep,
];
/** A plan this close to the lower bound is not improved on. */
const CLOSE_ENOUGH = 1.01;

/** The smallest of a few greedy placements. */
export function planMemory(requests: readonly MemoryRequest[]): MemoryPlan {
  const enough = CLOSE_ENOUGH * memoryLowerBound(requests);
  let best: MemoryPlan | undefined;
  for (const priority of PRIORITIES) {
    const plan = placeInOrder(requests, priority);
    if (best === undefined || totalBytes(plan) < totalBytes(best)) best = plan;
    if (totalBytes(best) <= enough) break;
  }
  return best ?? { slotBytes: [], placements: [] };
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
  const stepCount = requests.reduce((most, { lastStep }) => Math.max(most, lastStep), 0) + 1;
  const slots: Slot[] = [];
  // What needs no bytes needs no place either.
  const placements: Placement[] = requests.map(() => ({ slot: 0, offset: 0 }));
  const order = requests
    .map((request, index) => ({ request, index, priority: priority(request) }))
    .filter(({ request }) => request.bytes > 0);
  order.sort((a, b) => b.priority - a.priority || a.request.firstStep - b.request.firstStep);
  for (const { request, index } of order) {
    const placement = tightestGap(request, slots) ?? { slot: slots.length, offset: 0 };
    if (placement.slot === slots.length) {
      slots.push({ bytes: alignBytes(request.bytes), tenants: [], isBound: new Uint8Array(stepCount) });
    }
    moveIn(request, slots[placement.slot], placement.offset);
    placements[index] = placement;
  }
  return { slotBytes: slots.map(({ bytes }) => bytes), placements };
}

function moveIn({ bytes, firstStep, lastStep, steps }: MemoryRequest, slot: Slot, start: number): void {
  const next = slot.tenants.findIndex((tenant) => tenant.start > start);
  const tenant = { start, end: alignBytes(start + bytes), firstStep, lastStep };
  slot.tenants.splice(next < 0 ? slot.tenants.length : next, 0, tenant);
  for (const step of steps) slot.isBound[step] = 1;
}

/** The free stretch that `request` fills best, over all buffers. */
function tightestGap(request: MemoryRequest, slots: readonly Slot[]): Placement | undefined {
  const steps = [...request.steps];
  let best: Placement | undefined;
  let leastRoom = Number.POSITIVE_INFINITY;
  for (const [slot, { bytes, tenants, isBound }] of slots.entries()) {
    if (bytes < request.bytes || steps.some((step) => isBound[step] !== 0)) continue;
    const consider = (offset: number, room: number) => {
      if (room < request.bytes || room >= leastRoom) return;
      leastRoom = room;
      best = { slot, offset };
    };
    let offset = 0;
    for (const { start, end, firstStep, lastStep } of tenants) {
      if (firstStep > request.lastStep || request.firstStep > lastStep) continue;
      consider(offset, start - offset);
      offset = Math.max(offset, end);
    }
    consider(offset, bytes - offset);
  }
  return best;
}

/** Most bytes alive in one step: no plan can need less. */
export function memoryLowerBound(requests: readonly MemoryRequest[]): number {
  const changes = requests.flatMap(({ firstStep, lastStep, bytes }) => [
    { step: firstStep, bytes },
    { step: lastStep + 1, bytes: -bytes },
  ]);
  changes.sort((a, b) => a.step - b.step || a.bytes - b.bytes);
  let [alive, most] = [0, 0];
  for (const { bytes } of changes) {
    alive += bytes;
    most = Math.max(most, alive);
  }
  return most;
}
