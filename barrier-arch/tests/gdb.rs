//! A debugger sees through barriers: `bt` at a stop below them, and at every instruction of a return
//! through one.
//!
//! The test runs gdb on its own executable. Inside, [`inferior`] stops with `int3` under barriers on a
//! stack of its own, then returns through them while a script single-steps and asks gdb for the frames
//! after each instruction. The same without barriers says what is to be seen: the functions' own instructions, and the frames at each, are the
//! same in every mode. For x86-64: a debugger of another machine's programs does not run here.
#![cfg(target_arch = "x86_64")]

#[path = "support/debugger.rs"]
mod debugger;
mod support;

use std::arch::asm;
use std::hint::black_box;

use barrier_arch::{Spacing, StkbarSlice};
use support::{MODES, TestStack, install_here};

const MODE: &str = "BARRIER_ARCH_GDB_MODE";
const DEPTH: u64 = 12;

/// At least 400 bytes, so that the exponential spacing puts some barriers between.
#[inline(never)]
fn nested_call(depth: u64, bars: &StkbarSlice, spacing: Spacing) -> u64 {
    let words = black_box([depth; 50]);
    if depth > 0 {
        return nested_call(black_box(depth - 1), bars, spacing) + words[7] - depth + 1;
    }
    let installed = install_here(bars, spacing);
    assert!(if spacing == Spacing::Off { installed == 0 } else { installed > 2 });
    // SAFETY: stops in the debugger.
    unsafe { asm!("int3") };
    black_box(words[3])
}

/// What gdb runs; without gdb, nothing.
#[test]
fn inferior() {
    let Ok(mode) = std::env::var(MODE) else { return };
    let spacing = MODES.into_iter().find(|&spacing| name(spacing) == mode).expect("a mode");
    let stack = TestStack::new(1 << 18, spacing);
    assert_eq!(stack.run(|bars| nested_call(DEPTH, bars, spacing)), DEPTH);
}

/// A mode's name, as the program in the debugger gets it.
fn name(spacing: Spacing) -> String {
    format!("{spacing:?}")
}

/// Python, run by gdb. A list of frames must always be the tail of the first one: returns only take frames
/// off. Where the youngest frame runs, its own place is another than it was.
const SCRIPT: &str = r#"
gdb.execute("run")

def frames():
    found, frame, barriers = [], gdb.newest_frame(), 0
    while frame is not None:
        name = frame.name() or "?"
        if "stack_barrier" in name:
            barriers += 1
        elif "::arch::" not in name or "stack_base" in name:
            found.append((name.split("<")[0], frame.pc(), frame.type() == gdb.INLINE_FRAME))
        frame = frame.older()
    return found, barriers

# Without the inlined functions, of which the youngest frame may have others at each instruction.
def outlined(found):
    return [name for name, _, inline in found if not inline], [pc for _, pc, inline in found if not inline]

found, barriers = frames()
print("FIRST", barriers, "|".join(name for name, _, _ in found))
names, pcs = outlined(found)
steps = bad = hits = 0
inside = False
path = []
while True:
    gdb.execute("stepi", to_string=True)
    now = gdb.newest_frame()
    trampoline = "stack_barrier" in (now.name() or "")
    seen_names, seen_pcs = outlined(frames()[0])
    if not any("nested_call" in name for name in seen_names):
        break
    if trampoline:
        # The first frame that is not the trampoline is the one being returned to, at its return address.
        steps += 1
        hits += not inside
        ran = 0
    else:
        path.append("%x:%d" % (now.pc() - pcs[0] & 0xffffffff, len(seen_names)))
        ran = 1
    inside = trampoline
    if seen_names != names[-len(seen_names):] or seen_pcs[ran:] != pcs[-len(seen_pcs):][ran:]:
        bad += 1
        print("BAD at", hex(now.pc()), seen_names[:3], [hex(pc) for pc in seen_pcs[:3]])
print("STEPPED", steps, "HITS", hits, "BAD", bad)
print("PATH", " ".join(path))
gdb.execute("delete")
gdb.execute("continue")
"#;

/// What gdb printed that ran `script` on this program, or `None` if there is no gdb here that can.
fn gdb(mode: Spacing, script: &str) -> Option<String> {
    let program = std::env::current_exe().unwrap();
    let inferior = ["--exact", "inferior", "--nocapture", "--test-threads=1"];
    debugger::gdb(
        &[["--args", program.to_str().unwrap()].as_slice(), &inferior].concat(),
        (MODE, &name(mode)),
        script,
    )
}

fn line<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.unwrap_or_else(|| panic!("no {key} in {text}")).split_whitespace().collect()
}

/// What is seen in one mode; returns the instructions outside of the trampoline, with the number of frames at each.
fn frames_are_complete(mode: Spacing, text: &str) -> Vec<&str> {
    let first = text.lines().find_map(|line| line.strip_prefix("FIRST ")).unwrap_or_else(|| panic!("{text}"));
    let (barriers, names) = first.split_once(' ').unwrap();
    let barriers: usize = barriers.parse().unwrap();
    let names: Vec<&str> = names.split('|').collect();
    assert_eq!(names.iter().filter(|name| name.contains("nested_call")).count() as u64, DEPTH + 1, "{text}");
    let at = |part: &str| {
        names.iter().position(|name| name.contains(part)).unwrap_or_else(|| panic!("{part}: {text}"))
    };
    // Through all barriers, past the end of the stack, to where it was resumed from, and on to the thread's
    // own start.
    let resumed_from = names.iter().rposition(|name| name.contains("inferior"));
    assert!(resumed_from.is_some_and(|i| at("stack_base") < i && i < at("__rust_begin_short")), "{text}");
    assert!(["clone", "clone3", "main", "_start"].contains(names.last().unwrap()), "{text}");
    let stepped = line(text, "STEPPED ");
    let [steps, hits, bad] = [0, 2, 4].map(|i| stepped[i].parse::<usize>().unwrap());
    assert_eq!(bad, 0, "{text}");
    let least_barriers = match mode {
        Spacing::Off => 0,
        Spacing::EveryFrame => DEPTH as usize,
        _ => 3,
    };
    assert!(barriers >= least_barriers && hits + 3 >= least_barriers && steps >= 10 * hits, "{text}");
    assert!(mode != Spacing::Off || (barriers, hits, steps) == (0, 0, 0), "{text}");
    assert!(text.contains("exited normally"), "the program went on undisturbed: {text}");
    line(text, "PATH ")
}

#[test]
fn gdb_sees_all_frames_at_every_instruction() {
    let seen: Vec<_> = MODES.into_iter().map_while(|mode| Some((mode, gdb(mode, SCRIPT)?))).collect();
    let mut paths = seen.iter().map(|(mode, text)| frames_are_complete(*mode, text));
    let Some(without) = paths.next() else { return };
    assert!(without.len() > 3 * DEPTH as usize, "{without:?}");
    assert_eq!(paths.filter(|path| *path == without).count(), 2, "as without barriers, {without:?}");
}

/// Where `finish` led to: the function, and the levels of the recursion from there up.
fn finishes(text: &str) -> Vec<(&str, u64)> {
    let stop = |stop| -> Option<(&str, u64)> {
        let (name, levels) = str::rsplit_once(stop, '=')?;
        Some((name, levels.parse().ok()?))
    };
    line(text, "STOPS ").into_iter().map(|word| stop(word).unwrap_or_else(|| panic!("{text}"))).collect()
}

/// `finish` sets a breakpoint at the return address: with a barrier there, at the stub. Each leads one level up; one from a stub to where it leads.
#[test]
fn gdb_finishes_functions_under_barriers() {
    const FINISH: &str = r#"
gdb.execute("run")
stops = []
for _ in range(8):
    gdb.execute("finish", to_string=True)
    frame = gdb.newest_frame()
    stop, levels = frame.name() or "?", 0
    while frame is not None:
        levels += "nested_call" in (frame.name() or "")
        frame = frame.older()
    stops.append("%s=%d" % (stop, levels))
print("STOPS", " ".join(stops))
gdb.execute("continue")
"#;
    for mode in MODES {
        let Some(text) = gdb(mode, FINISH) else { return };
        let (mut level, mut at_stub, mut stubs) = (DEPTH + 1, false, 0);
        for (name, levels) in finishes(&text) {
            level -= u64::from(!at_stub);
            at_stub = name.contains("stack_barrier");
            stubs += u64::from(at_stub);
            assert!(levels == level && (at_stub || name.contains("nested_call")), "{text}");
        }
        let due = match mode {
            Spacing::Off => 0..=0,
            Spacing::EveryFrame => 4..=4,
            _ => 1..=3,
        };
        assert!(due.contains(&stubs), "{mode:?}: {text}");
        assert!(text.contains("exited normally"), "{text}");
    }
}

/// What it is that shows gdb the frames: with its reader of unwind tables turned off it gets no further than the first barrier.
#[test]
fn without_unwind_tables_gdb_is_lost() {
    const TURN: &str = r#"
gdb.execute("run")
def names():
    found, frame = [], gdb.newest_frame()
    while frame is not None:
        found.append(frame.name() or "?")
        frame = frame.older()
    return found

def turn(state):
    gdb.execute("maint set dwarf unwinders " + state)
    gdb.execute("maint flush register-cache", to_string=True)
    return names()

levels = lambda found: sum("nested_call" in name for name in found)
first = names()
print("LEVELS", levels(first), levels(turn("off")), levels(turn("on")), names() == first)
gdb.execute("continue")
"#;
    for mode in MODES {
        let Some(text) = gdb(mode, TURN) else { return };
        let [with, without, again, same] = line(&text, "LEVELS ")[..] else { panic!("{text}") };
        let all = (DEPTH + 1).to_string();
        assert_eq!((with, again, same), (&*all, &*all, "True"), "{text}");
        assert!(mode == Spacing::Off || without.parse::<u64>().unwrap() <= DEPTH, "{text}");
    }
}
