//! What a panic and a backtrace cost across barriers, against the same frames without. What counts is the unwinder's code, which is
//! not ours: `cargo test -p integration-tests --bench unwinding` is as good as `cargo bench`, and needs no release build of everything.
//!
//! Both are interleaved with their counterparts and the medians compared, since a machine's speed changes while one waits. Printed for code of
//! `FRAMES` frames: nanoseconds per plain frame, what a barrier adds, and the ratio of the two.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use barrier_arch::Spacing;
use integration_tests::ground::{By, Ground};

const FRAMES: usize = 100;
const ROUNDS: usize = 400;

#[inline(never)]
fn nest(depth: usize, leaf: &mut dyn FnMut()) -> usize {
    let words = black_box([depth; 20]);
    if depth == 0 {
        leaf();
        return words[3];
    }
    nest(black_box(depth - 1), leaf) + black_box(&words)[5]
}

/// From the throw to the catch.
fn panic(ground: &Ground) -> Duration {
    let mut since = Instant::now();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        nest(FRAMES, &mut || {
            ground.scan();
            since = Instant::now();
            resume_unwind(Box::new(()));
        })
    }));
    let taken = since.elapsed();
    assert!(caught.is_err());
    taken
}

fn backtrace(ground: &Ground) -> Duration {
    let mut taken = Duration::ZERO;
    nest(FRAMES, &mut || {
        ground.scan();
        let (since, mut seen) = (Instant::now(), 0);
        backtrace::trace(|frame| {
            seen += black_box(frame.ip() as usize & 1) + 1;
            true
        });
        taken = since.elapsed();
        assert!(seen > FRAMES);
    });
    taken
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_nanos() as f64
}

fn compare(name: &str, measure: fn(&Ground) -> Duration) {
    let (mut plain, mut barred) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let run = |spacing| Ground::run(1 << 20, spacing, By::FramePointers, measure);
        plain.push(run(Spacing::Off));
        barred.push(run(Spacing::EveryFrame));
    }
    let [plain, barred] = [plain, barred].map(|times| median(times) / FRAMES as f64);
    let ratio = barred / plain;
    println!("{name}: {plain:.0} ns per plain frame, {:.0} ns more per barrier, x{ratio:.2}", barred - plain);
}

fn main() {
    compare("panic", panic);
    compare("backtrace", backtrace);
}
