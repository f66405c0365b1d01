import { workerApi } from '@/workers/workerApi';
import type { FilesApi } from './api';

export function filesClient(): FilesApi {
  return workerApi<FilesApi>('files').api;
}
