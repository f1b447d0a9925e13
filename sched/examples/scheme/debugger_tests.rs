//! gdb and perf on compiled Scheme: its functions have their names, and stacks unwind through them, barriers or not.
//!
//! The tests run gdb on their own executable. Inside, [`inferior`] compiles a program that calls itself a hundred times and stops at the bottom,
//! barriers above.

#[path = "../../../barrier-arch/tests/support/debugger.rs"]
mod debugger;

use std::arch::asm;
use std::process::Command;

use barrier_arch::Spacing;

use super::build;
use super::cli::Stacks;
use super::codegen::PerfMap;
use super::machine::Machine;
use super::primitives::{Outcome, Primitive};
use super::runtime::run::start;
use super::tests::{MODES, Trial, moving_runtime_for, runtime_for, wait_for_barriers};
use super::unwind_tests::{DEPTH, program};
use super::value::Value;

const MODE: &str = "SCHEME_DEBUGGER_MODE";

/// What the program is told: which barriers, which stacks.
fn name(spacing: Spacing, stacks: Stacks) -> String {
    format!("{spacing:?} {stacks:?}")
}

fn all_modes() -> impl Iterator<Item = (Spacing, Stacks)> {
    MODES.into_iter().flat_map(|spacing| [(spacing, Stacks::Reserve), (spacing, Stacks::Copy)])
}

/// `(bottom)`: stops in the debugger.
fn stops(machine: &Machine<'_>) -> Outcome {
    wait_for_barriers(machine)?;
    // SAFETY: a trap.
    unsafe { asm!("int3") };
    Ok(Value::fixnum(0).expect("a small one"))
}

/// What the debugger runs; without one, nothing.
#[test]
fn inferior() {
    let Ok(mode) = std::env::var(MODE) else { return };
    let (spacing, stacks) =
        all_modes().find(|&(spacing, stacks)| name(spacing, stacks) == mode).expect("a mode");
    let scheme = program(spacing, stacks, Primitive::none("bottom", stops));
    let runtime = moving_runtime_for(spacing, 64 << 20, true, scheme);
    assert!(start(&runtime).expect("a stack").join().expect("no panic").is_ok());
}

/// What gdb prints in one mode, stopped; `None` without gdb.
fn gdb((spacing, stacks): (Spacing, Stacks), script: &str) -> Option<String> {
    let program = std::env::current_exe().expect("this program");
    let arguments =
        ["--args", program.to_str().expect("UTF-8"), "--exact", "scheme::debugger_tests::inferior"];
    let arguments = [arguments.as_slice(), &["--nocapture", "--test-threads=1"]].concat();
    debugger::gdb(&arguments, (MODE, &name(spacing, stacks)), script)
}

/// What is printed after `key`, up to the line's end.
fn told<'t>(text: &'t str, key: &str) -> &'t str {
    text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("no {key}: {text}"))
}

#[test]
fn gdb_knows_compiled_functions_by_name_and_unwinds_them() {
    const SHOW: &str = r#"
def names():
    found, frame = [], gdb.newest_frame()
    while frame is not None:
        found.append(frame.name() or "?")
        frame = frame.older()
    return found

gdb.execute("run")
print("FRAMES " + "|".join(names()))
print("BREAKPOINT " + gdb.execute("break down", to_string=True).strip())
# Out of the primitive, and of two levels of the recursion.
left = 0
while left < 3:
    gdb.execute("finish", to_string=True)
    left += gdb.newest_frame().name() == "down"
print("LEFT " + str(names().count("down")))
gdb.execute("delete"); gdb.execute("continue")
"#;
    for (spacing, stacks) in all_modes() {
        let Some(text) = gdb((spacing, stacks), SHOW) else { return };
        let frames: Vec<&str> = told(&text, "FRAMES ").split('|').collect();
        let scheme: Vec<&str> =
            frames.iter().copied().filter(|name| !name.contains("stack_barrier")).collect();
        let first = scheme.iter().position(|name| *name == "down").unwrap_or_else(|| panic!("{text}"));
        let (recursion, above) = scheme[first..].split_at(DEPTH + 1);
        assert!(recursion.iter().all(|name| *name == "down"), "{spacing:?} {stacks:?}: {text}");
        assert_eq!(above[..3], ["top level", "program", "scheme_base"], "{spacing:?} {stacks:?}: {text}");
        assert_eq!(scheme.len() < frames.len(), spacing != Spacing::Off, "{spacing:?} {stacks:?}: {text}");
        assert!(told(&text, "BREAKPOINT ").starts_with("Breakpoint 1 at 0x"), "{text}");
        assert_eq!(told(&text, "LEFT "), (DEPTH - 1).to_string(), "{spacing:?} {stacks:?}: {text}");
        assert!(text.contains("exited normally"), "{spacing:?} {stacks:?}: {text}");
    }
}

const PROFILED: &str = "SCHEME_PROFILED";

/// What perf records; without perf, nothing.
#[test]
fn profiled() {
    if std::env::var(PROFILED).is_err() {
        return;
    }
    const SPIN: &str = "(define (spin n) (if (> n 0) (spin (- n 1)) 0)) (spin 300000000)";
    let mut options = Trial::new(Spacing::default()).options;
    options.perf_map = true;
    let scheme = build("spin.scm", SPIN, options).expect("it compiles");
    let runtime = runtime_for(Spacing::default(), 64 << 20, scheme);
    assert!(start(&runtime).expect("a stack").join().expect("no panic").is_ok());
    println!("MAP {}", PerfMap::path().display());
}

#[test]
fn perf_knows_compiled_functions_by_name() {
    let data = std::env::temp_dir().join(format!("scheme-{}.perf", std::process::id()));
    let mut record = Command::new("perf");
    record.args(["record", "-q", "-e", "cpu-clock:u", "-F", "499", "-o"]).arg(&data);
    record.arg("--").arg(std::env::current_exe().expect("this program"));
    record.args(["--exact", "scheme::debugger_tests::profiled", "--nocapture"]).env(PROFILED, "");
    let output = match record.output() {
        Ok(output) if output.status.success() => output,
        refused => return eprintln!("NOT MEASURED: perf cannot record here: {refused:?}"),
    };
    let script =
        Command::new("perf").args(["script", "-F", "ip,sym", "-i"]).arg(&data).output().expect("perf");
    std::fs::remove_file(&data).expect("it was written");
    std::fs::remove_file(told(&String::from_utf8_lossy(&output.stdout), "MAP ")).expect("it was written");
    let samples = String::from_utf8_lossy(&script.stdout).into_owned();
    let spinning = samples.lines().filter(|line| line.trim_end().ends_with(" spin")).count();
    assert!(spinning > 20 && 10 * spinning > 9 * samples.lines().count(), "{spinning} of {samples}");
}
