import * as tf from '@tensorflow/tfjs-core';

/** A name no tfjs variable has yet: `wanted`, or `wanted` with a number. tfjs keeps all names of a process apart. */
export function freeVariableName(wanted: string): string {
  const taken = tf.engine().registeredVariables;
  let name = wanted;
  for (let n = 1; name in taken; n++) name = `${wanted}_${n}`;
  return name;
}
