// A process that writes checkpoints until it is killed: each filled with its number, which is printed once it is kept.
import { nodeCheckpoints } from '@/storage/nodeFiles';

const [folder, firstNumber, sizeInBytes] = process.argv.slice(2);
const checkpoints = nodeCheckpoints(folder);
for (let number = Number(firstNumber); ; number++) {
  const content = new Uint32Array(Number(sizeInBytes) / 4).fill(number);
  await checkpoints.write('checkpoint_latest.pth', new Uint8Array(content.buffer));
  process.stdout.write(`${number}\n`);
}
