//! What a panic and a backtrace cost across barriers, against the same frames without, in instructions.
//!
//! ```sh
//! cargo bench --profile dev -p integration-tests --bench unwinding
//! ```
//!
//! The program runs itself under callgrind, once for each line and mode: an instruction counted is one on any machine that has the same compiler and C library,
//! however busy it is. What counts is the unwinder's code, which is not ours. The second of two panics or backtraces is counted: the first one finds the
//! libraries' tables, and binds functions.

use std::backtrace::Backtrace;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{Command, ExitCode};

use barrier_arch::sanitizer::toggle_counting;
use integration_tests::ground::{By, Ground};
use integration_tests::mode;

const DEPTHS: [usize; 4] = [0, 10, 100, 1000];
/// What is measured across so many frames; says how many barriers there were.
type Subject = fn(&Ground, usize) -> usize;

const SUBJECTS: [(&str, Subject); 2] = [("panic", panic), ("std::backtrace", backtrace)];
/// Names the mode; the arguments are the subject and the depth.
const MODE: &str = "UNWINDING_MODE";

#[inline(never)]
fn nest(depth: usize, leaf: &mut dyn FnMut()) -> usize {
    let words = black_box([depth; 20]);
    if depth == 0 {
        leaf();
        return words[3];
    }
    nest(black_box(depth - 1), leaf) + black_box(&words)[5]
}

/// From the throw to the catch, at the other end of the recursion.
fn panic(ground: &Ground, depth: usize) -> usize {
    let mut installed = 0;
    for counted in [false, true] {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            nest(depth, &mut || {
                ground.scan();
                installed = ground.bars().len();
                if counted {
                    toggle_counting();
                }
                resume_unwind(Box::new(()));
            })
        }));
        if counted {
            toggle_counting();
        }
        assert!(caught.is_err());
        // Those above the catch were not crossed.
        installed -= ground.bars().len() - ground.bars().position();
    }
    installed
}

/// Captured, not symbolised.
fn backtrace(ground: &Ground, depth: usize) -> usize {
    nest(depth, &mut || {
        ground.scan();
        for counted in [false, true] {
            if counted {
                toggle_counting();
            }
            _ = black_box(Backtrace::force_capture());
            if counted {
                toggle_counting();
            }
        }
    });
    ground.bars().len()
}

/// What one process measured.
struct Measured {
    instructions: u64,
    barriers: u64,
}

/// Runs this program under callgrind.
fn measure(subject: &str, depth: usize, mode: &str) -> Result<Measured, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--collect-atstart=no", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(std::env::current_exe().map_err(|error| error.to_string())?);
    valgrind.args([subject, &depth.to_string()]).env(MODE, mode);
    let output = valgrind.output().map_err(|error| format!("cannot run valgrind: {error}"))?;
    let [printed, told] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    let number = |text: &str, key: &str| -> Option<u64> {
        text.lines().find_map(|line| line.split_once(key))?.1.trim().parse().ok()
    };
    let (instructions, barriers) = (number(&told, "Collected :"), number(&printed, "barriers:"));
    let found =
        instructions.zip(barriers).map(|(instructions, barriers)| Measured { instructions, barriers });
    found.ok_or_else(|| format!("callgrind has not counted: {told}"))
}

/// A line for each depth: the instructions without barriers, and in each mode how many there were and what one of them adds.
fn table(subject: &str) -> Result<(), String> {
    let [off, exponential, every_frame] = mode::NAMES;
    println!(
        "| {subject}, k | {off} | {exponential}: barriers | more per barrier | {every_frame}: barriers | more per barrier | in all |"
    );
    println!("|---|---|---|---|---|---|---|");
    for depth in DEPTHS {
        let plain = measure(subject, depth, off)?;
        print!("| {depth} | {} |", plain.instructions);
        for mode in [exponential, every_frame] {
            let barred = measure(subject, depth, mode)?;
            let more = barred.instructions as f64 - plain.instructions as f64;
            print!(" {} | {:.0} |", barred.barriers, more / barred.barriers.max(1) as f64);
            if mode == every_frame {
                println!(" x{:.2} |", barred.instructions as f64 / plain.instructions as f64);
            }
        }
    }
    println!();
    Ok(())
}

fn main() -> ExitCode {
    if let Some(spacing) = mode::from_environment(MODE) {
        let arguments: Vec<String> = std::env::args().collect();
        let depth = arguments[2].parse().expect("a number of frames");
        let (_, subject) = SUBJECTS.into_iter().find(|(name, _)| *name == arguments[1]).expect("a subject");
        let barriers = Ground::run(1 << 20, spacing, By::FramePointers, |ground| subject(ground, depth));
        println!("barriers: {barriers}");
        return ExitCode::SUCCESS;
    }
    match SUBJECTS.into_iter().try_for_each(|(name, _)| table(name)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
