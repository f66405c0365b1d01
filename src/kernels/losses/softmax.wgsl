// Softmax losses over a label map: soft Dice and cross entropy. Probabilities are recomputed, never stored.

override labelSmoothing: f32;

// Cross entropy of a voxel against its label, of which `labelSmoothing` is spread over all classes. `sum`: of the
// exponentials of minus the classes' distances from the largest logit; `distance`: the label's; `distances`: their sum.
fn voxelLoss(largest: f32, sum: f32, distance: f32, distances: f32) -> f32 {
  let logSum = log(sum);
  let hard = distance + logSum;
  let even = logSum + distances / f32(sizes.classes);
  let loss = max(0.0, (1.0 - labelSmoothing) * hard + labelSmoothing * even);
  return select(largest, loss, isFinite(largest));
}

// What makes a probability of an exponential.
fn inverseSum(largest: f32, sum: f32) -> f32 {
  return select(largest, 1.0 / sum, isFinite(largest));
}

// Derivative of the Dice loss by the probability of a class; `first` of {@link coefficientsOf}.
fn diceDerivative(first: u32, class_: u32, isLabel: bool) -> f32 {
  return coefficients[first + 2 * class_ + 1] + select(0.0, coefficients[first + 2 * class_], isLabel);
}

// With d_c the derivative of the Dice loss by probability p_c: p_j (d_j − Σ d_c p_c), plus that of the cross entropy,
// p_j minus the label's share. `aboveMean` is d_j − Σ d_c p_c.
fn logitGradient(probability: f32, aboveMean: f32, share: f32, isLabel: bool) -> f32 {
  let even = labelSmoothing / f32(sizes.classes);
  let surprise = probability - even - select(0.0, 1.0 - labelSmoothing, isLabel);
  return sizes.weight * lossScale[0] * (probability * aboveMean + share * surprise);
}
