import type { Parameter } from '../parameters/parameter.js';
import type { ParameterSink } from '../parameters/parameter-store.js';

/** Where finished parameters go, and what has gone there. */
export interface FinishedParameters extends ParameterSink {
  /** Names in the order they came, one that came again as often. */
  readonly names: readonly string[];
  /** Puts a parameter that a checkpoint holds. */
  putSaved(parameter: Parameter): Promise<Parameter>;
  /** The parameter as a checkpoint knows it. */
  asSaved(parameter: Parameter): Parameter;
}

/** Finished parameters on their way to `sink`; without one they stay where they are. */
export function finishedParameters(sink: ParameterSink | undefined): FinishedParameters {
  const names: string[] = [];
  const saved = new Map<Parameter, Parameter>();
  const put = async (parameter: Parameter): Promise<Parameter> => {
    names.push(parameter.name);
    return sink === undefined ? parameter : sink.put(parameter);
  };
  return {
    names,
    put,
    async putSaved(parameter) {
      const moved = await put(parameter);
      saved.set(moved, parameter);
      return moved;
    },
    asSaved: (parameter) => saved.get(parameter) ?? parameter,
  };
}
