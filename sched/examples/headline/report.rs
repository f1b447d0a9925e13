//! The rows, as a table and in words.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use sched::CycleStats;
use serde::Serialize;

use crate::programs::Run;
use crate::scheme::units::{bytes, time};

/// One program in one mode: all cycles of all its runs, and its times.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    program: &'static str,
    /// `off`, `on`.
    barriers: &'static str,
    runs: usize,
    cycles: usize,
    pause_median_ns: u64,
    pause_max_ns: u64,
    /// Most bytes of stack that one pause scanned.
    rescanned_bytes_max: u64,
    /// All pauses of one run together, the median of the runs.
    paused_ms: f64,
    /// The median of the runs.
    total_ms: f64,
    /// Each run, in the order in which they were: the runs of the two modes with the same number were neighbours.
    totals_ms: Vec<f64>,
}

impl Row {
    /// What `runs` of a program come to.
    pub(crate) fn of(program: &'static str, barriers: &'static str, runs: &[Run]) -> Row {
        let cycles = || runs.iter().flat_map(|run| &run.cycles);
        let pause = |cycle: &CycleStats| cycle.pause.as_nanos() as u64;
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let paused = |run: &Run| milliseconds(run.cycles.iter().map(|cycle| cycle.pause).sum());
        Row {
            program,
            barriers,
            runs: runs.len(),
            cycles: cycles().count(),
            pause_median_ns: median(cycles().map(pause).collect()).unwrap_or(0),
            pause_max_ns: cycles().map(pause).max().unwrap_or(0),
            rescanned_bytes_max: cycles().map(|cycle| cycle.re_scan.bytes as u64).max().unwrap_or(0),
            paused_ms: median(runs.iter().map(paused).collect()).unwrap_or(0.0),
            total_ms: median(runs.iter().map(|run| milliseconds(run.total)).collect()).unwrap_or(0.0),
            totals_ms: runs.iter().map(|run| milliseconds(run.total)).collect(),
        }
    }

    /// The fastest and the slowest run.
    fn range(&self) -> (f64, f64) {
        range(&self.totals_ms)
    }
}

fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
        (least.min(*value), most.max(*value))
    })
}

/// The middle one; of an even number, the upper of the two in the middle.
fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> Option<T> {
    values.sort_by(|a, b| a.partial_cmp(b).expect("figures are ordered"));
    values.get(values.len() / 2).copied()
}

/// One table, two rows per program.
pub(crate) fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header([
        "program",
        "barriers",
        "GC cycles",
        "mark termination: median",
        "max",
        "per run",
        "re-scanned, at most",
        "total: median",
        "fastest – slowest",
    ]);
    for row in rows {
        table.add_row([
            row.program.to_owned(),
            row.barriers.to_owned(),
            row.cycles.to_string(),
            time(row.pause_median_ns),
            time(row.pause_max_ns),
            format!("{:.1} ms", row.paused_ms),
            bytes(row.rescanned_bytes_max),
            format!("{:.2} s", row.total_ms / 1e3),
            format!("{:.2} – {:.2} s", row.range().0 / 1e3, row.range().1 / 1e3),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// What the figures are.
pub(crate) fn note(repeat: u32) -> String {
    format!(
        "Each program ran {repeat} times in each mode, in turns, in this one process. Pauses are those of all runs; totals are medians of the runs.\n\
         The change of the total is the median of the rounds, in each of which both modes ran one after the other, and in brackets the range of all rounds."
    )
}

/// What it comes to, in a sentence per program.
pub(crate) fn summary(rows: &[Row]) -> String {
    let pairs = rows.chunks_exact(2).map(|pair| (&pair[0], &pair[1]));
    let lines = pairs.map(|(off, on)| {
        format!(
            "{:>9}: longest mark termination {} → {}, total time {}",
            off.program,
            time(off.pause_max_ns),
            time(on.pause_max_ns),
            change(&off.totals_ms, &on.totals_ms)
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// From the first times to the second, round by round: `-7 % [-9, -5]`.
fn change(before: &[f64], after: &[f64]) -> String {
    let changes: Vec<f64> =
        before.iter().zip(after).map(|(before, after)| (after / before - 1.0) * 100.0).collect();
    let (least, most) = range(&changes);
    let doubt = if least < 0.0 && most > 0.0 { ": not told from chance" } else { "" };
    format!("{:+.0} % [{least:+.0}, {most:+.0}]{doubt}", median(changes).unwrap_or(0.0))
}
