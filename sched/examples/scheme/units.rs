//! Figures as people read them.

/// `1536 KiB`, `256 MiB`.
pub fn bytes(n: u64) -> String {
    match n {
        0..10240 => format!("{n} B"),
        10240..1_048_576 => format!("{} KiB", n >> 10),
        _ => format!("{} MiB", n >> 20),
    }
}

/// Nanoseconds in the unit that reads best.
pub fn time(ns: u64) -> String {
    match ns {
        0..10_000 => format!("{:.1} µs", ns as f64 / 1e3),
        10_000..1_000_000 => format!("{:.0} µs", ns as f64 / 1e3),
        _ => format!("{:.1} ms", ns as f64 / 1e6),
    }
}
