import { runTask } from '../tasks';

/**
 * The control block that all threads share. The caller of a run works too, and waits for chunks done, not for
 * workers woken: a worker that is asleep never delays it.
 */
@unmanaged
export class Control {
  /** Run number in the high half, next chunk in the low half: one compare-and-swap claims a chunk of one run. */
  claim: i64;
  /** Number of the latest run; workers sleep on it. */
  run: i32;
  /** Chunks done in this run; the caller sleeps on it. */
  done: i32;
  /** Workers asleep that wait to be notified. */
  asleep: i32;
  /** Set once: workers return. */
  stop: i32;
  /** Scratch of thread i is at scratch + i * scratchBytes. */
  scratch: usize;
  scratchBytes: usize;
  task: i32;
  args: usize;
  units: i32;
  unitsPerChunk: i32;
  chunks: i32;
  /** Those of the workers asleep that have slept for longer than {@link LIGHT_SLEEP}. */
  asleepForLong: i32;
  /** How often a worker looks for a run by itself, a millisecond apart, before it sleeps for long. */
  naps: i32;
}

/**
 * Turns that a thread spins before it sleeps: around 100 µs. That spans what JavaScript does between two layers, and
 * waking a thread takes as long as half of a small one.
 */
const SPINS: i32 = 100000;
const MILLISECOND: i64 = 1000000;
/** A sleep up to this long always ends with a notification: schedulers spread threads that were busy lately. */
const LIGHT_SLEEP: i64 = 16 * MILLISECOND;

// @ts-ignore: decorator
@inline
function at(control: usize, offset: usize): usize {
  return control + offset;
}

function waitInPlace(address: usize, value: i32, timeout: i64): void {
  atomic.wait<i32>(address, value, timeout);
}

/**
 * Sleeps if the word at `address` holds `value`, until it is notified or `timeout` nanoseconds are over. Called through a
 * reference, so that it is never inlined: the baseline compiler of Node 20 loses changes of a function's locals around a
 * wait, and this function has none.
 */
const wait: (address: usize, value: i32, timeout: i64) => void = waitInPlace;

/** Takes chunks of run number `run` until none is left, and returns how many it took. */
function work(control: usize, run: i32, thread: i32): i32 {
  const c = changetype<Control>(control),
    task = c.task,
    args = c.args,
    units = c.units,
    unitsPerChunk = c.unitsPerChunk,
    scratch = c.scratch + <usize>thread * c.scratchBytes,
    chunks = atomic.load<i32>(at(control, offsetof<Control>('chunks')));
  let taken = 0;
  while (true) {
    const claim = atomic.load<i64>(at(control, offsetof<Control>('claim'))),
      chunk = <i32>(claim & 0xffffffff);
    if (<i32>(claim >> 32) != run || chunk >= chunks) return taken;
    if (atomic.cmpxchg<i64>(at(control, offsetof<Control>('claim')), claim, claim + 1) != claim) continue;
    taken++;
    const begin = chunk * unitsPerChunk;
    runTask(task, args, begin, min(begin + unitsPerChunk, units), scratch);
    const done = atomic.add<i32>(at(control, offsetof<Control>('done')), 1) + 1;
    if (done == chunks) atomic.notify(at(control, offsetof<Control>('done')), 1);
  }
}

/**
 * Runs `task` over its units on all threads and returns when every unit is done: the number of chunks that the caller
 * did itself if it had to wake a worker from a long sleep, else -1.
 */
export function runShared(control: usize, task: i32, args: usize, units: i32, unitsPerChunk: i32): i32 {
  const c = changetype<Control>(control),
    chunks = (units + unitsPerChunk - 1) / unitsPerChunk,
    run = (c.run + 1) & 0x7fffffff;
  // Closed before the numbers change: a late worker of the run before that sees the new `chunks` also sees this.
  atomic.store<i64>(at(control, offsetof<Control>('claim')), (<i64>run << 32) | 0x7fffffff);
  c.task = task;
  c.args = args;
  c.units = units;
  c.unitsPerChunk = unitsPerChunk;
  atomic.store<i32>(at(control, offsetof<Control>('chunks')), chunks);
  atomic.store<i32>(at(control, offsetof<Control>('done')), 0);
  atomic.store<i64>(at(control, offsetof<Control>('claim')), <i64>run << 32);
  atomic.store<i32>(at(control, offsetof<Control>('run')), run);
  // No wake-up is lost: a worker counts itself asleep before it waits, and its wait compares `run`. Either its count is
  // seen here, or its wait sees the new number and returns at once. A worker that naps is not notified.
  const woke = atomic.load<i32>(at(control, offsetof<Control>('asleepForLong'))) > 0;
  if (atomic.load<i32>(at(control, offsetof<Control>('asleep'))) > 0)
    atomic.notify(at(control, offsetof<Control>('run')), chunks - 1);
  const own = work(control, run, 0);
  let spins = 0;
  while (true) {
    const done = atomic.load<i32>(at(control, offsetof<Control>('done')));
    if (done >= chunks) return woke ? own : -1;
    if (++spins > SPINS) wait(at(control, offsetof<Control>('done')), done, MILLISECOND);
  }
}

/**
 * Sleeps until the next run, or not so long: `turn` counts the sleeps since the last run. First a light sleep, then the
 * naps that the caller allows, then a sleep without end.
 */
function sleep(control: usize, seen: i32, turn: i32): void {
  const run = at(control, offsetof<Control>('run')),
    asleep = at(control, offsetof<Control>('asleep')),
    asleepForLong = at(control, offsetof<Control>('asleepForLong'));
  if (turn == 0) {
    atomic.add<i32>(asleep, 1);
    wait(run, seen, LIGHT_SLEEP);
    atomic.sub<i32>(asleep, 1);
  } else if (turn <= atomic.load<i32>(at(control, offsetof<Control>('naps')))) {
    wait(run, seen, MILLISECOND);
  } else {
    atomic.add<i32>(asleepForLong, 1);
    atomic.add<i32>(asleep, 1);
    wait(run, seen, -1);
    atomic.sub<i32>(asleep, 1);
    atomic.sub<i32>(asleepForLong, 1);
  }
}

/** A worker's life: takes part in every run until the pool stops. */
export function workerLoop(control: usize, thread: i32): void {
  let seen = 0;
  while (true) {
    let spins = 0,
      sleeps = 0;
    while (atomic.load<i32>(at(control, offsetof<Control>('run'))) == seen) {
      if (atomic.load<i32>(at(control, offsetof<Control>('stop')))) return;
      if (++spins > SPINS) sleep(control, seen, sleeps++);
    }
    if (atomic.load<i32>(at(control, offsetof<Control>('stop')))) return;
    seen = atomic.load<i32>(at(control, offsetof<Control>('run')));
    work(control, seen, thread);
  }
}

/** Bytes of the control block. */
export const CONTROL_BYTES: usize = offsetof<Control>();
