// What a page does for the training that runs in it: keeps a checkpoint before it is put to sleep, and the screen on.
import { preferences } from '@/app/preferencesStore';
import type { Trainings } from './trainingsStore';

/** A tab that is looked at and left again within this time has not lost much. */
const KEPT_LATELY_MS = 20_000;

export function watchPageForTraining(trainings: Trainings): void {
  const { store } = trainings;
  const keep = () => {
    const { live } = store.getState();
    if (live && Date.now() - (live.keptAt ?? live.startedAt) > KEPT_LATELY_MS) trainings.keepNow();
  };
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) keep();
  });
  document.addEventListener('freeze', keep);
  addEventListener('pagehide', keep);

  const screen = new ScreenLock();
  const update = () => {
    const { live } = store.getState();
    const isWanted = live !== undefined && !live.isPaused && preferences.getState().keepsScreenOn;
    void screen.hold(isWanted && !document.hidden);
  };
  store.subscribe(update);
  preferences.subscribe(update);
  document.addEventListener('visibilitychange', update);
}

/** Keeps the screen on where the browser can: it lets go by itself when the tab is hidden. */
class ScreenLock {
  private held: Promise<WakeLockSentinel | undefined> | undefined;

  async hold(isWanted: boolean): Promise<void> {
    if (isWanted === (this.held !== undefined)) return;
    if (!isWanted) {
      const { held } = this;
      this.held = undefined;
      await (await held)?.release();
      return;
    }
    this.held = request();
    const sentinel = await this.held;
    sentinel?.addEventListener('release', () => {
      this.held = undefined;
    });
  }
}

/** Refused on battery saving, and unknown to some browsers. */
async function request(): Promise<WakeLockSentinel | undefined> {
  if (!('wakeLock' in navigator)) return undefined;
  return navigator.wakeLock.request('screen').catch(() => undefined);
}
