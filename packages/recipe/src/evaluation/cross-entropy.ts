/**
 * Sum of −log softmax(logits)[target] over tokens 2 … `length` of each window, in float64. `logits` are
 * [windows, length, vocabulary] and `ids` [windows, length], row-major; position t predicts token t + 1. The result is
 * NaN or infinite when a logit is.
 */
export function nextTokenLoss(
  logits: Float32Array,
  ids: Int32Array,
  length: number,
  vocabulary: number,
): number {
  let loss = 0;
  for (let at = 0; at < ids.length; at++) {
    if (at % length === length - 1) continue;
    const start = at * vocabulary;
    let largest = Number.NEGATIVE_INFINITY;
    for (let i = start; i < start + vocabulary; i++) {
      const logit = logits[i];
      // A comparison alone would step over NaN.
      if (logit > largest || Number.isNaN(logit)) largest = logit;
    }
    let sum = 0;
    for (let i = start; i < start + vocabulary; i++) sum += Math.exp(logits[i] - largest);
    loss += Math.log(sum) + largest - logits[start + ids[at + 1]];
  }
  return loss;
}
