// A few numbers that steer an optimiser step. The CPU writes the learning rate; all else stays on the GPU.

struct Control {
  lossScale: f32, // that the gradients of the next step will carry
  goodSteps: f32, // since the scale last changed
  step: f32, // updates so far
  learningRate: f32,
  gradientNorm: f32, // of all gradients, unscaled, before clipping
  gradientFactor: f32, // that unscales and clips
  isSkipped: f32, // 1 where the norm is not finite: the step changes nothing
  skippedSteps: f32, // so far
  corrections: vec4f, // 1 − decay^step of each running mean
  isEvaluating: f32, // 1 where forward passes go as in inference
}
