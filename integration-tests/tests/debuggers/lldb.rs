//! lldb: `tasks`, `task N`, and the ordinary commands.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{INFERIOR, MODE, MODES, check_shown, script};

/// Debian's: there is a package without a number, which is one of the others.
const NAMES: [&str; 5] = ["lldb-14", "lldb", "lldb-16", "lldb-19", "lldb-15"];

/// `RUN` is a function of the debugger and the target, which has just stopped.
const PRELUDE: &str = r#"
import lldb

def execute(debugger, command):
    result = lldb.SBCommandReturnObject()
    debugger.GetCommandInterpreter().HandleCommand(command, result)
    print(result.GetOutput() + result.GetError(), flush=True)

def frames(target):
    found = []
    for frame in target.process.GetSelectedThread():
        name = frame.GetFunctionName() or "?"
        if "stack_barrier" not in name:
            found.append((name.split("(")[0].split("<")[0], frame.GetPC()))
    return found

def start():
    target = lldb.debugger.GetSelectedTarget()
    if target.process.GetState() == lldb.eStateStopped:
        RUN(lldb.debugger, target)
        target.DeleteAllBreakpoints()
        target.process.Continue()
    print("EXIT", target.process.GetExitStatus())
"#;

/// What lldb printed, or `None` if there is no lldb here that can run a process.
fn run(mode: &str, commands: &str) -> Option<String> {
    static SCRIPTS: AtomicUsize = AtomicUsize::new(0);
    let number = SCRIPTS.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("lldb_tasks_{}_{number}.py", std::process::id()));
    std::fs::write(&file, commands.to_owned() + PRELUDE).unwrap();
    let module = file.file_stem().unwrap().to_str().unwrap();
    let lines = [
        "settings set target.disable-aslr false".to_owned(),
        format!("command script import {}", script("lldb_tasks.py").display()),
        format!("command script import {}", file.display()),
        "process launch".to_owned(),
        // Not while a file is imported: commands would not know of the process.
        format!("script {module}.start()"),
    ];
    let output = NAMES.iter().find_map(|name| {
        let mut command = Command::new(name);
        command.args(["--batch", "--no-lldbinit"]);
        lines.iter().for_each(|line| _ = command.args(["-o", line]));
        command.arg("--").arg(std::env::current_exe().unwrap()).args(INFERIOR);
        // Debian's version 14 looks for its module in the wrong place.
        command.env("PYTHONPATH", "/usr/lib/llvm-14/lib/python3.11/dist-packages");
        command.env(MODE, mode).env_remove("DEBUGINFOD_URLS").output().ok()
    });
    std::fs::remove_file(&file).unwrap();
    let Some(output) = output else {
        eprintln!("skipped: no lldb here (ci/packages.sh installs it)");
        return None;
    };
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    for refusal in ["Operation not permitted", "embedded_interpreter"] {
        if text.contains(refusal) {
            eprintln!("skipped: {refusal}");
            return None;
        }
    }
    Some(text)
}

/// Prints the list, each task's frames, and the stopped thread's own backtrace.
const SHOW: &str = r#"
def RUN(debugger, target):
    print("== list"); execute(debugger, "tasks")
    for number in (1, 2, 3):
        print(f"== task {number}"); execute(debugger, f"task {number}")
    print("== bt"); execute(debugger, "thread backtrace")
    print("== end")
"#;

#[test]
fn tasks_are_listed_and_walked() {
    for mode in MODES {
        let Some(text) = run(mode, SHOW) else { return };
        let text: String =
            text.lines().filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
        check_shown(&text, mode);
        assert!(text.contains("EXIT 0"), "{text}");
    }
}

/// The frames after each command must be the last ones of those before.
const COMMANDS: &str = r#"
def tail_of(before, now):
    """Is `now` what is left of `before`? The youngest frame may have gone on from where it waited."""
    left = before[len(before) - len(now):]
    return [name for name, _ in now] == [name for name, _ in left] and now[1:] == left[1:]

def RUN(debugger, target):
    before = frames(target)
    print("FIRST", before)
    execute(debugger, "up 5"); execute(debugger, "down 2"); execute(debugger, "frame select 0")
    for command in ["finish"] * 6 + ["next", "thread step-inst", "thread step-inst-over", "finish", "step", "finish"]:
        execute(debugger, command)
        now = frames(target)
        # Inside a callee for a moment: only what is above it can be compared.
        while now and [n for n, _ in now] != [n for n, _ in before[len(before) - len(now):]]:
            now = now[1:]
        print("AFTER", command, len(now), "RIGHT" if len(now) > 20 and tail_of(before, now) else "WRONG")
    above = [pc for name, pc in frames(target) if "nested" in name][1]
    target.BreakpointCreateByAddress(above)
    execute(debugger, "process continue")
    print("BREAK", "RIGHT" if frames(target)[0][1] == above else "WRONG")
"#;

#[test]
fn the_usual_commands_work_under_barriers() {
    for mode in MODES {
        let Some(text) = run(mode, COMMANDS) else { return };
        assert!(!text.contains("WRONG"), "{mode}: {text}");
        assert_eq!(text.matches("RIGHT").count(), 13, "{mode}: {text}");
        assert!(text.contains("EXIT 0"), "{mode}: {text}");
    }
}
