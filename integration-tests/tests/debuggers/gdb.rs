//! gdb: `info tasks`, `task N`, `print *bars`, the ordinary commands, and a core file.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{INFERIOR, MODE, MODES, check_shown, part, script};

/// What gdb printed, or `None` if there is no gdb here that can run a process.
fn gdb(arguments: &[&str], mode: &str, commands: &str) -> Option<String> {
    static SCRIPTS: AtomicUsize = AtomicUsize::new(0);
    let number = SCRIPTS.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("gdb-tasks-{}-{number}.py", std::process::id()));
    let settings = ["set pagination off", "set confirm off", "set backtrace limit 300"];
    let prelude = format!("import gdb\nfor line in {settings:?}: gdb.execute(line)\n");
    let source = format!("gdb.execute('source {}')\n", script("gdb.py").display());
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
    gdb(&[["--args", program.to_str().unwrap()].as_slice(), &INFERIOR].concat(), mode, commands)
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
        assert!(shown.contains("StkbarSlice(top 0x") && shown.contains("@@@ *0x"), "{text}");
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
