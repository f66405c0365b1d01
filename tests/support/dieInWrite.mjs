// Preloaded into a process that shall be killed in a checkpoint write: NNSTUDIO_DIE_IN_WRITE names which write, from 1,
// and how far it gets: `3 torn`. Stages: opened, torn (half the bytes), written, flushed, renamed.
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const [number, stage] = process.env.NNSTUDIO_DIE_IN_WRITE.split(' ');
const { open, rename } = fs;
let writes = 0;
let doomed;

async function die() {
  process.kill(process.pid, 'SIGKILL');
  await new Promise(() => undefined);
}

fs.open = async (file, ...rest) => {
  const handle = await open(file, ...rest);
  if (!/\.checkpoint_[a-z]+\.pth\.\d+\.part$/.test(file) || ++writes !== Number(number)) return handle;
  doomed = file;
  if (stage === 'opened') await die();
  const writeFile = handle.writeFile.bind(handle);
  const sync = handle.sync.bind(handle);
  handle.writeFile = async (content) => {
    await writeFile(stage === 'torn' ? content.subarray(0, content.length >> 1) : content);
    if (stage === 'torn' || stage === 'written') await die();
  };
  handle.sync = async () => {
    await sync();
    if (stage === 'flushed') await die();
  };
  return handle;
};
fs.rename = async (from, to) => {
  await rename(from, to);
  if (from === doomed && stage === 'renamed') await die();
};
syncBuiltinESMExports();
