import { foreignGraph } from '@/core/interop/foreignNetwork';
import { networkInputChannels } from '@/core/interop/labels';
import type { NnunetModel, StateDict } from '@/core/interop/model';
import type { Gpu } from '@/gpu/device';
import type { TuningStore } from '@/gpu/tuner';
import { planGraph } from '@/graph/plan';
import { compileProgram, type ParameterSet } from '@/graph/program';
import { tuneGraph } from '@/graph/tuneGraph';
import { buildUNet, UNET_INPUT } from '@/nn/unet';
import type { WindowNetwork } from './predictWindows';
import type { PredictSettings } from './settings';

/** What a network is made of. */
export interface WindowNetworkRequest {
  readonly gpu: Gpu;
  readonly model: NnunetModel;
  readonly loadFold: (fold: string) => Promise<StateDict>;
  readonly settings: Pick<PredictSettings, 'folds'>;
  /** Where measured choices of kernels are remembered; without it kernels are chosen by rule. */
  readonly tuning?: TuningStore;
}

/** How long a network that is new to an adapter may be measured before its first window, ms. */
const TUNING_LIMIT_MS = 4000;

/** The compiled network of one window, all chosen folds resident on the GPU. */
export interface ResidentNetwork extends WindowNetwork {
  /** Parameters of all folds and temporaries, bytes. */
  readonly plannedBytes: number;
  /** Time that compiling took. */
  readonly compileMs: number;
  destroy(): void;
}

/**
 * Traces, plans and compiles the model's network and loads the folds in order. Throws `GpuOutOfMemory`, or what
 * reading the weights throws; nothing stays allocated then.
 */
export async function openWindowNetwork(request: WindowNetworkRequest): Promise<ResidentNetwork> {
  const { gpu, model, loadFold, settings, tuning } = request;
  const [firstFold, ...furtherFolds] = settings.folds;
  const graph = model.foreignNetwork
    ? foreignGraph(model, await loadFold(firstFold)).graph
    : buildUNet(model.configuration.architecture, {
        inputChannels: networkInputChannels(model.channelNames.length, model.labels, model.configuration),
        outputChannels: model.labels.outputChannels,
        batch: 1,
        patchSize: model.configuration.patchSize,
        deepSupervision: false,
      });
  const load = async (fold: string) => {
    const weights = await loadFold(fold);
    return model.foreignNetwork ? foreignGraph(model, weights).weights : weights;
  };
  const choices = tuning && (await tuneGraph(gpu, graph, tuning, TUNING_LIMIT_MS));
  const program = await compileProgram(gpu, planGraph(graph, gpu, choices));
  try {
    program.setParameters(await load(firstFold));
    const sets: (ParameterSet | undefined)[] = [undefined];
    for (const fold of furtherFolds) sets.push(await program.createParameters(await load(fold)));
    const input = program.inputs.get(UNET_INPUT);
    if (!input) throw new Error('the network has no input');
    return {
      input,
      output: program.outputs[0],
      foldCount: settings.folds.length,
      plannedBytes: program.allocatedBytes,
      compileMs: program.compileMs,
      run: (fold) => program.run(sets[fold]),
      destroy: () => program.destroy(),
    };
  } catch (error) {
    program.destroy();
    throw error;
  }
}
