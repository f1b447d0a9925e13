//! What a scan did, in numbers.

use core::ops::AddAssign;

/// Figures of one scan; add them up for those of a cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// Stacks scanned.
    pub stacks: usize,
    /// Frames walked.
    pub frames: usize,
    /// Bytes of stack covered: saved registers, the frames walked, the unvouched ranges above.
    pub bytes: usize,
    /// Words looked at as roots.
    pub roots: usize,
    /// Objects that they turned grey.
    pub marked: usize,
    /// First scan: barriers installed.
    pub installed: usize,
    /// First scan: frames that were due for a barrier and could not get one (I7).
    pub refused: usize,
    /// First scan: barriers left from an earlier cycle and removed (I8).
    pub stale: usize,
    /// Re-scan: barriers hit since the first scan.
    pub hit: usize,
    /// First scan: bytes of conservative frames that nobody vouches for, to be scanned again.
    pub unvouched_bytes: usize,
}

impl AddAssign for ScanReport {
    fn add_assign(&mut self, other: ScanReport) {
        self.stacks += other.stacks;
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.roots += other.roots;
        self.marked += other.marked;
        self.installed += other.installed;
        self.refused += other.refused;
        self.stale += other.stale;
        self.hit += other.hit;
        self.unvouched_bytes += other.unvouched_bytes;
    }
}

/// What became of a scan that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// It was made.
    Done(ScanReport),
    /// Not needed: the stack had this scan in this cycle (I9).
    AlreadyScanned,
    /// Not needed: the stack did not run since its first scan (I14).
    Clean,
}

impl Scan {
    /// The figures; all zero if there was nothing to do.
    pub fn report(&self) -> ScanReport {
        match *self {
            Scan::Done(report) => report,
            Scan::AlreadyScanned | Scan::Clean => ScanReport::default(),
        }
    }
}
