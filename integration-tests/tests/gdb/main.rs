//! gdb on green threads: `debuggers/gdb.py`, the ordinary commands under barriers, and a core file.
//!
//! The test runs gdb on its own executable. Inside, [`inferior`] starts tasks that wait deep in a recursion, and one that begins a cycle, so that
//! barriers stand on all stacks, and stops in the debugger. A return through a barrier is looked at instruction by instruction in `barrier-arch`.

use std::arch::asm;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use barrier_arch::{Spacing, StkbarSlice};
use integration_tests::native::{Cell, Native, set_global};
use sched::Current;
use stack_alloc::GuardPages;

const MODE: &str = "GDB_TASKS_MODE";
const MODES: [&str; 3] = ["off", "exponential", "every frame"];
/// Of the task that stops; the others are one, two and three frames deeper.
const DEPTH: usize = 15;

static DONE: AtomicBool = AtomicBool::new(false);

/// Frames of 400 bytes and more.
#[inline(never)]
fn nested(current: &Current<'_, Native>, depth: usize, leaf: &dyn Fn(&Current<'_, Native>)) -> usize {
    let words = black_box([depth; 50]);
    if depth == 0 {
        leaf(current);
        return words[7];
    }
    nested(current, black_box(depth - 1), leaf) + black_box(&words)[9] - depth + 1
}

fn wait(current: &Current<'_, Native>) {
    while !DONE.load(Ordering::SeqCst) {
        current.park();
    }
}

#[inline(never)]
fn stop_here(bars: &StkbarSlice) {
    // SAFETY: stops in the debugger.
    unsafe { asm!("int3", in("rdi") bars) };
}

/// Begins a cycle, waits until all stacks are scanned, and stops.
fn stop(current: &Current<'_, Native>, spacing: Spacing) {
    set_global(current, 0, Some(Cell::new(current, &[])));
    current.language().brake_marking(true);
    current.request_collection();
    while spacing != Spacing::Off && current.bars(|bars| bars.is_empty()) {
        current.safepoint();
    }
    // The collector, which marks now and gets nowhere, has been to the others' stacks before.
    std::thread::sleep(Duration::from_millis(50));
    current.bars(stop_here);
    DONE.store(true, Ordering::SeqCst);
    current.language().brake_marking(false);
}

/// What gdb runs; without gdb, nothing.
#[test]
fn inferior() {
    let spacing = match std::env::var(MODE).as_deref() {
        Ok("off") => Spacing::Off,
        Ok("exponential") => Spacing::default(),
        Ok("every frame") => Spacing::EveryFrame,
        _ => return,
    };
    // gdb gives up writing a mapping to a core file where it meets one of the kernel's newer guard regions.
    let builder = Native::builder(16 << 20).spacing(spacing).guard(GuardPages::Mprotect);
    let runtime = builder.workers(1).start().unwrap();
    let waiting: Vec<_> = (1..=3)
        .map(|more| runtime.spawn(move |current| nested(current, DEPTH + more, &wait)).unwrap())
        .collect();
    let handles = waiting.iter().map(|task| std::sync::Arc::clone(task.task())).collect::<Vec<_>>();
    let stops = runtime.spawn(move |current| nested(current, DEPTH, &|current| stop(current, spacing)));
    assert_eq!(stops.unwrap().join().unwrap(), DEPTH);
    handles.iter().for_each(|task| task.unpark());
    for (task, more) in waiting.into_iter().zip(1..) {
        assert_eq!(task.join().unwrap(), DEPTH + more);
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("debuggers/gdb.py")
}

/// What gdb printed, or `None` if there is no gdb here that can run a process.
fn gdb(arguments: &[&str], mode: &str, commands: &str) -> Option<String> {
    static SCRIPTS: AtomicUsize = AtomicUsize::new(0);
    let number = SCRIPTS.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("gdb-tasks-{}-{number}.py", std::process::id()));
    let settings = ["set pagination off", "set confirm off", "set backtrace limit 300"];
    let prelude = format!("import gdb\nfor line in {settings:?}: gdb.execute(line)\n");
    let source = format!("gdb.execute('source {}')\n", script().display());
    std::fs::write(&file, prelude + &source + commands).unwrap();
    let output = Command::new("gdb")
        .args(["--batch", "--nx", "--quiet"])
        .args(["-x", file.to_str().unwrap()])
        .args(arguments)
        .env(MODE, mode)
        .env_remove("DEBUGINFOD_URLS")
        .output();
    std::fs::remove_file(&file).unwrap();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            eprintln!("skipped: gdb cannot be run here ({error})");
            return None;
        }
    };
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if text.contains("ptrace: Operation not permitted") {
        eprintln!("skipped: no ptrace here");
        return None;
    }
    Some(text)
}

fn run(mode: &str, commands: &str) -> Option<String> {
    let program = std::env::current_exe().unwrap();
    let arguments = ["--exact", "inferior", "--nocapture", "--test-threads=1"];
    gdb(&[["--args", program.to_str().unwrap()].as_slice(), &arguments].concat(), mode, commands)
}

/// The lines between `== name` and the next `==`.
fn part<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let start = format!("== {name}");
    assert!(text.lines().any(|line| line == start), "no {name} in {text}");
    text.lines()
        .skip_while(|line| *line != start)
        .skip(1)
        .take_while(|line| !line.starts_with("== "))
        .collect()
}

/// Prints the list, each task's frames, and the stopped thread's own backtrace.
const SHOW: &str = r#"
def show():
    print("== list"); gdb.execute("info tasks")
    for number in (1, 2, 3):
        print(f"== task {number}"); gdb.execute(f"task {number}")
    print("== bt"); gdb.execute("bt")
    print("== end")
"#;

fn check_shown(text: &str, mode: &str) {
    let list = part(text, "list");
    assert_eq!(list.len(), 4, "{text}");
    for (number, line) in (1..=3).zip(&list) {
        assert!(line.starts_with(&format!("task {number} parked ")), "{text}");
        let barriers: usize = line.split(", ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        match mode {
            "off" => assert_eq!(barriers, 0, "{text}"),
            "exponential" => assert!((2..8).contains(&barriers), "{text}"),
            _ => assert!(barriers > DEPTH, "{text}"),
        }
        let frames = part(text, &format!("task {number}"));
        assert_eq!(frames.iter().filter(|f| f.contains("nested")).count(), DEPTH + number + 1, "{text}");
        assert!(!frames.iter().any(|f| f.contains("stack_barrier")), "{text}");
        assert!(frames.last().unwrap().contains("stack_base"), "{text}");
    }
    assert!(list[3].starts_with("task 4 running on thread "), "{text}");
    let frames = part(text, "bt");
    assert_eq!(frames.iter().filter(|f| f.contains("gdb::nested ")).count(), DEPTH + 1, "{text}");
    assert_eq!(frames.iter().any(|f| f.contains("stack_barrier")), mode != "off", "{text}");
    assert!(frames.iter().any(|f| f.contains("Worker")), "on to the worker that resumed it: {text}");
}

#[test]
fn tasks_are_listed_and_walked() {
    for mode in MODES {
        let commands = format!("{SHOW}\ngdb.execute('run')\nshow()\ngdb.execute('continue')\n");
        let Some(text) = run(mode, &commands) else { return };
        check_shown(&text, mode);
        assert!(text.contains("exited normally"), "{text}");
    }
}

#[test]
fn a_core_file_shows_the_same() {
    let program = std::env::current_exe().unwrap();
    for mode in MODES {
        let core = std::env::temp_dir().join(format!("gdb-tasks-{}-{}.core", std::process::id(), mode.len()));
        let path = core.to_str().unwrap();
        let commands =
            format!("gdb.execute('run')\ngdb.execute('generate-core-file {path}')\ngdb.execute('kill')\n");
        let Some(_) = run(mode, &commands) else { return };
        let text = gdb(&[program.to_str().unwrap(), path], mode, &format!("{SHOW}\nshow()\n")).unwrap();
        std::fs::remove_file(&core).unwrap();
        check_shown(&text, mode);
    }
}

#[test]
fn a_list_of_barriers_is_printed() {
    for mode in ["exponential", "every frame"] {
        let commands = "gdb.execute('run')\nprint('== bars'); gdb.execute('print *bars')\nprint('== end')\ngdb.execute('continue')\n";
        let Some(text) = run(mode, commands) else { return };
        let shown = part(&text, "bars").join(" ");
        assert!(shown.contains("StkbarSlice(top 0x") && shown.contains("[ @@@ *0x"), "{text}");
        assert!(shown.matches('=').count() > 3, "{text}");
    }
}

/// The frames after each command must be the last ones of those before.
const COMMANDS: &str = r#"
def frames():
    found, frame = [], gdb.newest_frame()
    while frame is not None:
        name = frame.name() or "?"
        if "stack_barrier" not in name:
            found.append((name.split("<")[0], frame.pc()))
        frame = frame.older()
    return found

def tail_of(before, now, exact):
    """Is `now` what is left of `before`? The youngest frame may have gone on from where it waited."""
    left = before[len(before) - len(now):]
    same_names = [name for name, _ in now] == [name for name, _ in left]
    return same_names and now[1:] == left[1:] and (not exact or now == left)

gdb.execute("run")
before = frames()
gdb.execute("up 5", to_string=True); gdb.execute("down 2", to_string=True)
for command in ["finish"] * 6 + ["up", "until", "finish", "next", "stepi", "nexti", "finish", "step", "finish"]:
    gdb.execute(command, to_string=True)
    now = frames()
    # Inside a callee for a moment: only what is above it can be compared.
    while now and [n for n, _ in now] != [n for n, _ in before[len(before) - len(now):]]:
        now = now[1:]
    assert_right = len(now) > 20 and tail_of(before, now, False)
    print("AFTER", command, len(now), "RIGHT" if assert_right else "WRONG")
frame = gdb.newest_frame()
while "nested" not in (frame.name() or ""): frame = frame.older()
above = frame.older()
while "stack_barrier" in (above.name() or ""): above = above.older()
gdb.execute(f"tbreak *{above.pc():#x}")
gdb.execute("continue", to_string=True)
print("BREAK", gdb.newest_frame().name(), "RIGHT" if gdb.newest_frame().pc() == above.pc() else "WRONG")
gdb.execute("continue")
"#;

#[test]
fn the_usual_commands_work_under_barriers() {
    for mode in MODES {
        let Some(text) = run(mode, COMMANDS) else { return };
        assert!(!text.contains("WRONG"), "{mode}: {text}");
        assert_eq!(text.matches("RIGHT").count(), 16, "{mode}: {text}");
        assert!(text.contains("exited normally"), "{mode}: {text}");
    }
}
