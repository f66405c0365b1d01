/** Compiled pipelines of one device, by shader source, entry point and constants. Compiles each once. */
export class PipelineCache {
  private readonly modules = new Map<string, GPUShaderModule>();
  private readonly pipelines = new Map<string, GPUComputePipeline>();

  private readonly device: GPUDevice;

  constructor(device: GPUDevice) {
    this.device = device;
  }

  /** How many pipelines were compiled so far; a step must not raise it. */
  get compiledCount(): number {
    return this.pipelines.size;
  }

  get(
    source: string,
    entryPoint: string,
    constants: Readonly<Record<string, number>> = {},
  ): GPUComputePipeline {
    const key = `${entryPoint} ${JSON.stringify(constants)} ${source}`;
    const known = this.pipelines.get(key);
    if (known) return known;
    let module = this.modules.get(source);
    if (!module) {
      module = this.device.createShaderModule({ code: source });
      this.modules.set(source, module);
    }
    const pipeline = this.device.createComputePipeline({
      layout: 'auto',
      compute: { module, entryPoint, constants },
    });
    this.pipelines.set(key, pipeline);
    return pipeline;
  }
}
