import { StudioError } from '@/shared/errors';

/** What a device tells when it is gone; WebGPU's `GPUDeviceLostInfo` has these. */
interface Lost {
  readonly reason: string;
  readonly message: string;
}

interface LosableDevice {
  readonly lost: Promise<Lost>;
}

/**
 * Runs `work` on a device. If the device is lost in the middle, opens a new one and begins the work again, once.
 * `work` gets the number of restarts so far, and a signal that fires when its device is gone.
 */
export async function withDeviceRestart<Device extends LosableDevice, Result>(
  open: () => Promise<Device>,
  work: (device: Device, restarts: number, deviceGone: AbortSignal) => Promise<Result>,
): Promise<Result> {
  for (let restarts = 0; ; restarts++) {
    const device = await open();
    const gone = new AbortController();
    const loss = device.lost.then((info): never => {
      gone.abort();
      throw new StudioError(
        'DeviceLost',
        `The GPU device was lost${info.message ? `: ${info.message}` : '.'}`,
        'Another program or the driver took it; close heavy tabs and run the case again.',
      );
    });
    loss.catch(() => undefined);
    try {
      return await Promise.race([work(device, restarts, gone.signal), loss]);
    } catch (error) {
      const isLost = gone.signal.aborted || (await hasSettled(device.lost));
      if (!isLost) throw error;
      if (restarts > 0) return await loss;
    }
  }
}

/** Whether a promise has settled; a device's loss may be known a turn after the work that it broke. */
async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  const turn = new Promise((resolve) => setTimeout(resolve, 50, pending));
  return (await Promise.race([promise, turn])) !== pending;
}
