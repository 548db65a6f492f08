export { type AffineParams, type AffineRule, chooseAffineParams } from './affine/affine-params.js';
export { dequantizeAffine, type LevelArray, quantizeAffine } from './affine/quantize-affine.js';
export {
  dequantizeWeight,
  type QuantizedWeight,
  type QuantizeWeightOptions,
  quantizeWeight,
  type ScaleFormat,
  type WeightRanges,
} from './affine/quantize-weight.js';
export type { RangeSearch } from './affine/range-search.js';
export { createPackedRounder, type PackedRounder, type PackedWeight } from './affine/round-packed.js';
export { errorOfSums, type WeightError, weightError } from './affine/weight-error.js';
export { blobSource } from './bytes/blob-source.js';
export {
  type ByteSink,
  fillSink,
  type MemorySink,
  memorySink,
  type ReadableSink,
} from './bytes/byte-sink.js';
export { type ByteSource, bytesOf, checkRange, readAll, sliceOf } from './bytes/byte-source.js';
export { type UrlSourceOptions, urlSource } from './bytes/url-source.js';
// Graphs and operators
export type { Checkpoint, CheckpointStore, SavedValue } from './checkpoint/checkpoint.js';
export { type FinishedParameters, finishedParameters } from './checkpoint/finished-parameters.js';
export {
  canResume,
  changesOf,
  chooseAgain,
  finishAgain,
  modelOf,
  restoreStates,
  statesOf,
} from './checkpoint/resume-run.js';
export {
  type ErrorLocation,
  isTampError,
  TampError,
  type TampErrorCode,
  type TampErrorOptions,
} from './errors/tamp-error.js';
export {
  createModelRunner,
  type ModelRunner,
  type RunOptions,
  type ValueObserver,
} from './execution/model-runner.js';
export { nextTask } from './execution/next-task.js';
export { createGraphBuilder, type GraphBuilder, type SymbolicValue } from './graph/builder.js';
export { globToRegExp, isGlob } from './graph/glob.js';
export {
  type Attributes,
  type AttributeValue,
  enclosingScopes,
  type Graph,
  type GraphNode,
  type InputNode,
  inputsOf,
  nodesByName,
  type OperatorNode,
  type OutputNode,
  type ParameterNode,
  usersByName,
  type ValueDtype,
  type ValueType,
} from './graph/graph.js';
export { graphFromJson, graphToJson } from './graph/json.js';
export { lintGraph } from './graph/lint.js';
export { replaceOperators } from './graph/rewrite.js';
export { matchOperators, matchScopes, type TargetSelection, unmatchedPatterns } from './graph/targets.js';
// Kernel contracts
export { appendRows, roomForRows } from './kernels/append-rows.js';
export type { ColumnRounding, RoundedColumns, TurnRanges } from './kernels/column-rounding.js';
export {
  activationBlockSize,
  type CalibrationKernelName,
  type PackedKernelName,
} from './kernels/contract.js';
export { dequantizeWeightTensor } from './kernels/dequantize-weight.js';
export type { FusedKernelName } from './kernels/fused.js';
export { gatherRows } from './kernels/gather-rows.js';
export { gram } from './kernels/gram.js';
export { groupwiseLinear } from './kernels/groupwise-linear.js';
export { type Int8Activation, int8Activation } from './kernels/int8-activation.js';
export { int8Linear } from './kernels/int8-linear.js';
export {
  kernelGroupSize,
  type PlainQuantizedWeight,
  type PlainWeightTensors,
  packWeights,
  packWeightTensors,
} from './kernels/pack-weights.js';
export { disposeOperand, type QuantizedOperand, type WeightLayout } from './kernels/quantized-operand.js';
export {
  type GroupwiseWeightReference,
  groupwiseLinearReference,
} from './kernels/reference/groupwise-linear.js';
export { type Int8WeightReference, int8LinearReference } from './kernels/reference/int8-linear.js';
export {
  type QuantizedActivation,
  quantizePerTensor,
  quantizePerToken,
  roundToInt8Blocks,
} from './kernels/reference/quantize-activation.js';
export { registerReferenceKernels } from './kernels/reference/register.js';
export { type LevelParams, type Requantization, requantizeReference } from './kernels/requantize.js';
export { roundColumns } from './kernels/round-columns.js';
export { quantizeWithSearch, searchRanges } from './kernels/search-ranges.js';
export { upperFactor } from './kernels/upper-factor.js';
export { widenBfloat16 } from './kernels/widen-bfloat16.js';
export type { Model } from './model/model.js';
export {
  createModelEditor,
  type LayerReport,
  type ModelEditor,
  type ModelEditorOptions,
} from './model/model-editor.js';
export { checkDenseWeight } from './modifiers/check-dense-weight.js';
export { declaredQuantization } from './modifiers/declared-quantization.js';
// Modifiers and pipelines
export {
  type CoreStamp,
  coreStamp,
  defineModifier,
  type Modifier,
  type ModifierDefinition,
  type ModifierNeeds,
  type ModifierPlan,
  type Observation,
  type PlannedQuantization,
  type PlannedTarget,
  type Region,
  type TrainedVariable,
  type TrainingHookState,
  type TrainingHooks,
} from './modifiers/modifier.js';
export { parseModifierOptions } from './modifiers/parse-options.js';
export { chooseWeightTargets, type WeightTarget } from './modifiers/weight-targets.js';
export { worthwhileError } from './modifiers/worthwhile-error.js';
export { bfloat16ToFloat32, float32ToBfloat16 } from './numeric/bfloat16.js';
export { checkFinite, type ValuesOrigin } from './numeric/check-finite.js';
export { float16ToFloat32, float32ToFloat16 } from './numeric/float16.js';
export { roundHalfEven } from './numeric/round-half-even.js';
export {
  histogramObserver,
  meanSquaredErrorObserver,
} from './observers/histogram-observer.js';
export { minMaxObserver } from './observers/min-max-observer.js';
export { movingAverageObserver } from './observers/moving-average-observer.js';
export type { ObservedParams, ObservedRange, Observer } from './observers/observer.js';
export type {
  HistogramObserverOptions,
  MovingAverageOptions,
  ObserverOptions,
  ObserverState,
  RangeObserverOptions,
} from './observers/observer-state.js';
export { perTokenObserver } from './observers/per-token-observer.js';
export { restoreObserver } from './observers/restore-observer.js';
export {
  type SecondMoments,
  type SecondMomentsObserver,
  secondMomentsBytes,
  secondMomentsObserver,
} from './observers/second-moments.js';
export { asTensor, isTensor, type Operand, type Operator, rejectInputs } from './operators/operator.js';
export { createOperatorRegistry, type OperatorRegistry, operators } from './operators/registry.js';
export {
  blockedPlanesLength,
  packBlockedPlanes,
  packStridedPlanes,
  stridedPlaneLength,
  unpackBlockedPlanes,
  unpackStridedPlanes,
} from './packing/bit-planes.js';
export {
  packDense,
  packedByteLength,
  packFlat,
  unpackDense,
  unpackFlat,
  wordsPerRow,
} from './packing/dense.js';
export { affineStorage, affineStorageBytes, packedStorage } from './parameters/affine-storage.js';
export { denseStorage } from './parameters/memory.js';
// Parameters and models
export { decodeMixedBits, type MixedBitsLevels, mixedBitsStorage } from './parameters/mixed-bits.js';
export {
  type AffineStorage,
  type DenseDtype,
  type DenseStorage,
  elementCount,
  type MixedBitsStorage,
  matrixShape,
  type Parameter,
  type ParameterStorage,
  storedBytes,
} from './parameters/parameter.js';
export type { ParameterSink, ParameterStore } from './parameters/parameter-store.js';
export { decodeDense, decodeDenseInto, denseBytes, readDense } from './parameters/read-dense.js';
export { readParameter, readParameterInto } from './parameters/read-parameter.js';
export { parametersIn } from './parameters/sink-parameters.js';
export { type CalibrationBatches, runBasic } from './pipelines/basic.js';
export { runDataFree } from './pipelines/data-free.js';
export type { WholeModelOptions } from './pipelines/drive-whole-model.js';
export {
  callHook,
  type NamedModifier,
  type PipelineOptions,
  type PipelineResult,
} from './pipelines/pipeline.js';
export { normalFractionBits, normalTable } from './random/normal-table.js';
export { Random, type RandomState } from './random/random.js';
export { threefry2x32, type Words } from './random/threefry.js';
export {
  type AffineScheme,
  checkScheme,
  describeScheme,
  type Granularity,
  groupsPerRow,
  type LevelRange,
  levelRange,
  scaleCount,
} from './schemes/scheme.js';
export { type SchemeOptions, schemeOfOptions } from './schemes/scheme-of-options.js';
export {
  type SchemeChanges,
  schemeChangesSchema,
  schemeOptionsSchema,
} from './schemes/scheme-options-schema.js';
export {
  dequantizeUniform,
  maxUniformBits,
  quantizeUniform,
  type UniformRange,
  uniformRange,
} from './uniform/uniform-quantization.js';
