import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { withDeviceRestart } from '@/app/segment/deviceRestart';

/** Devices that can be lost by hand. */
function deviceShop() {
  const devices: { lost: Promise<{ reason: string; message: string }>; lose: () => void }[] = [];
  const open = async () => {
    let lose = () => {};
    const lost = new Promise<{ reason: string; message: string }>((resolve) => {
      lose = () => resolve({ reason: 'unknown', message: 'driver reset' });
    });
    const device = { lost, lose };
    devices.push(device);
    return device;
  };
  return { devices, open };
}

describe('work on a device', () => {
  test('is begun again, once, when its device is lost in the middle', async () => {
    const { devices, open } = deviceShop();
    const restarts: number[] = [];
    const result = await withDeviceRestart(open, async (device, restart) => {
      restarts.push(restart);
      if (restart === 0) {
        device.lose();
        return new Promise<string>(() => undefined); // as a readback of a lost device: never
      }
      return 'done';
    });
    expect(result).toBe('done');
    expect(restarts).toEqual([0, 1]);
    expect(devices).toHaveLength(2);
  });

  test('gives up when the second device is lost too', async () => {
    const { devices, open } = deviceShop();
    const working = withDeviceRestart(open, async (device) => {
      device.lose();
      return new Promise<string>(() => undefined);
    });
    await expect(working).rejects.toMatchObject({
      name: 'DeviceLost',
      message: expect.stringContaining('driver reset'),
    });
    expect(devices).toHaveLength(2);
  });

  test('is begun again when the work fails because of the loss, before the loss is told', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { open } = deviceShop();
    const result = withDeviceRestart(open, async (device, restart) => {
      if (restart > 0) return 'done';
      setTimeout(device.lose, 5);
      throw new Error('mapAsync failed');
    });
    await vi.advanceTimersByTimeAsync(5);
    expect(await result).toBe('done');
  });

  test('is not begun again when it fails by itself', async () => {
    const { devices, open } = deviceShop();
    const working = withDeviceRestart(open, async () => {
      throw new Error('no such fold');
    });
    await expect(working).rejects.toThrow('no such fold');
    expect(devices).toHaveLength(1);
  });
});
