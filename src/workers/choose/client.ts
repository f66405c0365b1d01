import { workerApi } from '@/workers/workerApi';
import type { ChooseApi } from './api';

export function chooseClient(): ChooseApi {
  return workerApi<ChooseApi>('choose').api;
}
