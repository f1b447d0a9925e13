//! One measurement: the Scheme program at one depth, with or without barriers, for some seconds.

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use sched::{CycleStats, Runtime};
use serde::Serialize;

use crate::scheme::cli::{Barriers, Stacks};
use crate::scheme::primitives::Primitive;
use crate::scheme::runtime::run::start;
use crate::scheme::stacks;
use crate::scheme::value::Value;
use crate::scheme::{Options, Scheme, build};

const PROGRAM: &str = include_str!("workload.scm");
/// A stack for whatever the leaf does below the depth that is asked for.
const ROOM_FOR_THE_LEAF: usize = 1 << 20;

/// What the program's two questions are answered from. One measurement runs at a time.
static WANTED_BYTES: AtomicUsize = AtomicUsize::new(0);
static AT_THE_BOTTOM: AtomicBool = AtomicBool::new(false);
static GOES_ON: AtomicBool = AtomicBool::new(true);

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Depth of the recursion, in bytes of stack.
    pub(crate) stack_bytes: usize,
    /// Where barriers go.
    pub(crate) barriers: Barriers,
    /// How long the leaf works.
    pub(crate) time: Duration,
    /// OS threads that run tasks.
    pub(crate) workers: usize,
    /// Whether the stack is reserved, or grows by being copied.
    pub(crate) stacks: Stacks,
}

/// What was measured. Times in nanoseconds unless the name says otherwise.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// Depth of the recursion.
    pub(crate) stack_bytes: usize,
    /// `off`, `on`, `every-frame`.
    pub(crate) barriers: &'static str,
    /// Cycles that began and ended while the leaf worked.
    pub(crate) cycles: usize,
    /// Mark-termination pauses.
    pub(crate) pause_median_ns: u64,
    /// Mark-termination pauses.
    pub(crate) pause_p99_ns: u64,
    /// Mark-termination pauses.
    pub(crate) pause_max_ns: u64,
    /// First scans of all stacks, beside the program but for the stack that is being scanned.
    pub(crate) first_scan_median_ns: u64,
    /// Longest time that the deep task itself was held, first scan included.
    pub(crate) stall_max_ns: u64,
    /// Bytes of stack scanned in the pause.
    pub(crate) rescanned_bytes_median: u64,
    /// Leaf operations done.
    pub(crate) work_items: u64,
    /// From spawn to join.
    pub(crate) total_ms: u64,
    /// How long the leaf worked.
    pub(crate) work_ms: u64,
}

impl Case {
    /// Runs the program and takes the figures.
    pub(crate) fn measure(&self) -> Result<Row, Box<dyn Error>> {
        WANTED_BYTES.store(self.stack_bytes, Ordering::Relaxed);
        AT_THE_BOTTOM.store(false, Ordering::Relaxed);
        GOES_ON.store(true, Ordering::Relaxed);
        let runtime = self.runtime()?;
        let started = Instant::now();
        let task = start(&runtime)?;
        while !AT_THE_BOTTOM.load(Ordering::Acquire) && !task.is_finished() {
            thread::sleep(Duration::from_micros(200));
        }
        let working = Instant::now();
        // What ran on the way down does not count, nor does the cycle that runs now.
        let before = runtime.take_cycles().last().map_or(0, |cycle| cycle.number) + 1;
        thread::sleep(self.time);
        let cycles: Vec<_> = runtime.cycles().into_iter().filter(|cycle| cycle.number > before).collect();
        let stall = task.task().longest_stall_ns();
        let work = working.elapsed();
        GOES_ON.store(false, Ordering::Relaxed);
        let items = task.join()??;
        let total = started.elapsed();
        Ok(self.row(&cycles, stall, items.parse()?, work, total))
    }

    fn row(
        &self,
        cycles: &[CycleStats],
        stall: u64,
        work_items: u64,
        work: Duration,
        total: Duration,
    ) -> Row {
        let pauses = histogram(cycles, |cycle| cycle.pause.as_nanos() as u64);
        let first_scans = histogram(cycles, |cycle| cycle.first_scan.as_nanos() as u64);
        let bytes = histogram(cycles, |cycle| cycle.re_scan.bytes as u64);
        Row {
            stack_bytes: self.stack_bytes,
            barriers: self.barriers.name(),
            cycles: cycles.len(),
            pause_median_ns: pauses.value_at_quantile(0.5),
            pause_p99_ns: pauses.value_at_quantile(0.99),
            pause_max_ns: pauses.max(),
            first_scan_median_ns: first_scans.value_at_quantile(0.5),
            stall_max_ns: stall,
            rescanned_bytes_median: bytes.value_at_quantile(0.5),
            work_items,
            total_ms: total.as_millis() as u64,
            work_ms: work.as_millis() as u64,
        }
    }

    fn runtime(&self) -> Result<Runtime<Scheme>, Box<dyn Error>> {
        let spacing = self.barriers.spacing();
        let usable = self.stack_bytes + ROOM_FOR_THE_LEAF;
        let scheme = build(
            "workload.scm",
            PROGRAM,
            Options { primitives: questions(), stacks: self.stacks, ..Options::default() },
        )?;
        let builder = stacks::runtime(scheme, spacing, usable).ok_or("the depth is too large for a stack")?;
        let runtime = builder.workers(self.workers).start()?;
        // Or the figures would be called what they are not.
        self.barriers.on_host(runtime.barriers())?;
        Ok(runtime)
    }
}

/// One figure of each cycle, to three significant digits.
fn histogram(cycles: &[CycleStats], figure: fn(&CycleStats) -> u64) -> Histogram<u64> {
    let mut histogram = Histogram::new(3).expect("three digits are allowed");
    cycles.iter().for_each(|cycle| histogram += figure(cycle));
    histogram
}

/// What the program asks us.
fn questions() -> Vec<Primitive> {
    vec![
        Primitive::none("deep-enough?", |machine| {
            let used = machine.current().stack_bounds().end - machine.stack_pointer();
            Ok(Value::boolean(used >= WANTED_BYTES.load(Ordering::Relaxed)))
        }),
        Primitive::none("work-goes-on?", |_| {
            AT_THE_BOTTOM.store(true, Ordering::Release);
            Ok(Value::boolean(GOES_ON.load(Ordering::Relaxed)))
        }),
    ]
}
