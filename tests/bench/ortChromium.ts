// Our engine beside onnxruntime-web's providers in Chromium, all on SwiftShader.

import { report } from './ort/comparison';
import { compareInChromium } from './ort/inChromium';

/** Against ORT's WebGPU provider, run against run. */
const WANTED_SPEEDUP = 5;

/** Prints the table; throws where outputs differ or the speed-up is missed. */
export async function run(): Promise<void> {
  report('Chromium', await compareInChromium(), WANTED_SPEEDUP);
}
