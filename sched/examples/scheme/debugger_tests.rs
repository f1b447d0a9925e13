//! gdb, lldb and perf on compiled Scheme: its functions have their names and lines, and stacks unwind through them, barriers or not.
//!
//! The tests run a debugger on their own executable. Inside, [`inferior`] compiles a program that calls itself a hundred times and stops at the bottom,
//! barriers above. No other thread runs from then on: the collector would go on, and take the barriers away.

mod by_lldb;
#[path = "../../../barrier-arch/tests/support/debugger.rs"]
pub(super) mod debugger;
mod perf;
#[path = "../../../barrier-arch/tests/support/lldb.rs"]
mod run_lldb;
mod stepping;
#[path = "../../../barrier-arch/tests/support/usual_commands.rs"]
mod usual_commands;

use std::arch::asm;

use barrier_arch::{Spacing, StkbarSlice};

use super::cli::Stacks;
use super::machine::Machine;
use super::primitives::{Outcome, Primitive};
use super::runtime::run::start;
use super::tests::{MODES, moving_runtime_for, wait_for_barriers};
use super::unwind_tests::{DEPTH, DOWN, program};
use super::value::Value;

const MODE: &str = "SCHEME_DEBUGGER_MODE";

/// What the program is told: which barriers, which stacks.
fn name(spacing: Spacing, stacks: Stacks) -> String {
    format!("{spacing:?} {stacks:?}")
}

const KINDS: [Stacks; 2] = [Stacks::Reserve, Stacks::Copy];

fn all_modes() -> impl Iterator<Item = (Spacing, Stacks)> {
    KINDS.into_iter().flat_map(|stacks| MODES.map(|spacing| (spacing, stacks)))
}

/// `(bottom)`: stops in the debugger, with a barrier above, or one at each frame.
fn stops(machine: &Machine<'_>) -> Outcome {
    let barriers = !std::env::var(MODE).is_ok_and(|mode| mode.starts_with(&format!("{:?}", Spacing::Off)));
    while barriers && !machine.current().bars(enough) {
        wait_for_barriers(machine)?;
    }
    // SAFETY: a trap.
    unsafe { asm!("int3") };
    Ok(Value::fixnum(0).expect("a small one"))
}

/// A barrier, or one at each frame.
fn enough(bars: &StkbarSlice) -> bool {
    bars.len() - bars.position() > if bars.is_searched() { DEPTH } else { 0 }
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

const INFERIOR: [&str; 4] =
    ["--exact", "scheme::debugger_tests::inferior", "--nocapture", "--test-threads=1"];

/// Python for gdb: `frames()` as `Usual` wants it, and how many barriers there are. Runs the program until it stops.
const GDB_PRELUDE: &str = r#"
def all_frames():
    frame = gdb.newest_frame()
    while frame is not None:
        yield frame
        frame = frame.older()

def frames():
    found = [(frame.name() or "?", frame.pc()) for frame in all_frames()]
    return [(name.split("<")[0], pc) for name, pc in found if "stack_barrier" not in name]

def barriers():
    return sum("stack_barrier" in (frame.name() or "?") for frame in all_frames())

def execute(command):
    return gdb.execute(command, to_string=True)

execute("run")
execute("set scheduler-locking on")
"#;

/// Python for gdb: out of the primitive, into the compiled code.
const INTO_SCHEME: &str = r#"
while gdb.newest_frame().name() != "down":
    execute("finish")
"#;

/// Python for gdb: lets the program go.
const GDB_END: &str = r#"
execute("delete"); execute("set scheduler-locking off"); gdb.execute("continue")
"#;

/// What gdb prints in one mode, stopped; `None` without gdb.
fn gdb((spacing, stacks): (Spacing, Stacks), script: &str) -> Option<String> {
    let program = std::env::current_exe().expect("this program");
    let arguments = [["--args", program.to_str().expect("UTF-8")].as_slice(), &INFERIOR].concat();
    debugger::gdb(&arguments, (MODE, &name(spacing, stacks)), script)
}

/// What is printed after `key`, up to the line's end.
fn told<'t>(text: &'t str, key: &str) -> &'t str {
    text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("no {key}: {text}"))
}

/// In which line of the program a text is.
fn line_of(part: &str) -> usize {
    1 + DOWN.lines().position(|line| line.contains(part)).expect("it is there")
}

/// What is seen without barriers is seen with them, and it is right.
fn check_frames(text: &str, mode: (Spacing, Stacks), without: &mut Option<String>) {
    let frames: Vec<&str> = told(text, "FRAMES ").split('|').collect();
    let first =
        frames.iter().position(|frame| frame.starts_with("down ")).unwrap_or_else(|| panic!("{text}"));
    let (recursion, above) = frames[first..].split_at(DEPTH + 1);
    assert_eq!(recursion[0], format!("down down.scm:{}", line_of("(let ((a (bottom)))")), "{mode:?}: {text}");
    let again = format!("down down.scm:{}", line_of("(down (- n 1))"));
    assert!(recursion[1..].iter().all(|frame| *frame == again), "{mode:?}: {text}");
    let top_level = format!("top level down.scm:{}", line_of("(down 100)"));
    assert_eq!(above[..3], [&top_level, "program -", "scheme_base -"], "{mode:?}: {text}");
    assert_eq!(without.get_or_insert_with(|| frames.join("|")), &frames.join("|"), "{mode:?}: {text}");
    check_barriers(told(text, "BARRIERS "), mode.0, text);
}

/// A barrier for each frame of compiled code, some, or none.
fn check_barriers(seen: &str, spacing: Spacing, text: &str) {
    let seen: usize = seen.parse().expect("a number");
    let due = match spacing {
        Spacing::Off => 0..=0,
        Spacing::EveryFrame => DEPTH..=usize::MAX,
        _ => 1..=DEPTH / 4,
    };
    assert!(due.contains(&seen), "{spacing:?}: {text}");
}

#[test]
fn gdb_knows_names_and_lines_and_unwinds_compiled_functions() {
    const SHOW: &str = r#"
def described(frame):
    sal = frame.find_sal()
    return (frame.name() or "?") + (" %s:%d" % (sal.symtab.filename, sal.line) if sal.symtab else " -")

shown = [described(frame) for frame in all_frames() if "stack_barrier" not in (frame.name() or "?")]
print("FRAMES " + "|".join(shown))
print("BARRIERS", barriers())
print("BREAKPOINT " + execute("break down").strip())
print("AT LINE " + execute("tbreak down.scm:%d" % LINE).strip())
"#;
    for stacks in KINDS {
        let mut without = None;
        for spacing in MODES {
            let line = format!("LINE = {}\n", line_of("(let ((a (bottom)))"));
            let script = [GDB_PRELUDE, &line, SHOW, GDB_END].concat();
            let Some(text) = gdb((spacing, stacks), &script) else { return };
            check_frames(&text, (spacing, stacks), &mut without);
            let place = |key| told(&text, key).split_once(" at 0x").unwrap_or_else(|| panic!("{text}")).1;
            assert!(
                place("BREAKPOINT ")
                    .ends_with(&format!(": file down.scm, line {}.", line_of("(define (down"))),
                "{text}"
            );
            assert!(
                place("AT LINE ")
                    .ends_with(&format!(": file down.scm, line {}.", line_of("(let ((a (bottom)))"))),
                "{text}"
            );
            assert!(text.contains("exited normally"), "{spacing:?} {stacks:?}: {text}");
        }
    }
}
