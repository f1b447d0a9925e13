//! What each cycle did: as data, and as a line of trace.

use std::fmt;
use std::time::Duration;

use gc_mark::ScanReport;

use crate::sync::Mutex;

/// Figures of one collection cycle. Times are wall-clock; bytes are bytes of stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CycleStats {
    /// Its number, from 1.
    pub number: u64,
    /// Did it run with the world stopped from end to end?
    pub stop_the_world: bool,
    /// The pause in which the write barrier was turned on.
    pub start_pause: Duration,
    /// From the start to the last stack's first scan.
    pub first_scan: Duration,
    /// Concurrent marking after that.
    pub mark: Duration,
    /// The mark-termination pause: from the request to stop to the world's restart.
    pub pause: Duration,
    /// Of that: until everybody had stopped. Workers re-scan what they ran within this time.
    pub time_to_stop: Duration,
    /// Of that: re-scanning the other dirty stacks.
    pub re_scan_time: Duration,
    /// Of that: marking what the re-scan, or a late write barrier, made grey.
    pub drain_time: Duration,
    /// Concurrent sweeping.
    pub sweep: Duration,
    /// The first scans of all stacks.
    pub first: ScanReport,
    /// The re-scans of all dirty stacks.
    pub re_scan: ScanReport,
    /// Barriers taken away after the pause; those of tasks that run are counted in the next cycle.
    pub removed: usize,
    /// Tasks that existed at the start.
    pub tasks: usize,
    /// Tasks that were to be re-scanned (I14).
    pub dirty: usize,
    /// Objects visited in the pause.
    pub drained: u64,
    /// In verify mode: objects found reachable by marking from scratch.
    pub verified: Option<usize>,
    /// In oracle mode: words of skipped frames that were compared with what they were at the first scan.
    pub compared: Option<usize>,
}

/// One line, as `GCTRACE=1` prints it.
impl fmt::Display for CycleStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.stop_the_world { " (world stopped)" } else { "" };
        write!(
            f,
            "gc {}{kind}: start {:.1?}, scan {:.1?} ({} stacks, {} frames, {} bytes, {} barriers installed), mark {:.1?}, \
             pause {:.1?} (stop {:.1?}, re-scan {:.1?} of {} bytes in {} dirty of {} tasks, {} hit, drain {:.1?} {} objects), \
             {} removed, sweep {:.1?}",
            self.number,
            self.start_pause,
            self.first_scan,
            self.first.stacks,
            self.first.frames,
            self.first.bytes,
            self.first.installed,
            self.mark,
            self.pause,
            self.time_to_stop,
            self.re_scan_time,
            self.re_scan.bytes,
            self.dirty,
            self.tasks,
            self.re_scan.hit,
            self.drain_time,
            self.drained,
            self.removed,
            self.sweep,
        )?;
        self.compared.map_or(Ok(()), |words| write!(f, ", compared {words} words"))?;
        self.verified.map_or(Ok(()), |objects| write!(f, ", verified {objects} objects"))
    }
}

/// The last cycles of a runtime.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Vec<CycleStats>>);

/// How many are kept; then the older half goes.
const KEPT: usize = 1 << 16;

impl Log {
    pub(crate) fn add(&self, stats: CycleStats) {
        let mut log = self.0.lock();
        if log.len() == KEPT {
            log.drain(..KEPT / 2);
        }
        log.push(stats);
    }

    pub(crate) fn all(&self) -> Vec<CycleStats> {
        self.0.lock().clone()
    }

    pub(crate) fn take(&self) -> Vec<CycleStats> {
        std::mem::take(&mut self.0.lock())
    }
}
