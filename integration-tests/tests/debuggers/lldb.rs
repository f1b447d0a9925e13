//! lldb: `tasks`, `task N`, and the ordinary commands.

use std::process::Command;

use integration_tests::mode;

use crate::commands::{self, Usual};
use crate::debugger::{ScriptFile, printed};
use crate::{INFERIOR, MODE, Stripped, check_shown, script};

/// Debian's: there is a package without a number, which is one of the others.
const NAMES: [&str; 5] = ["lldb-14", "lldb", "lldb-16", "lldb-19", "lldb-15"];

const PRELUDE: &str = r#"
import lldb
debugger = lldb.debugger
target = debugger.GetSelectedTarget()

def execute(command):
    result = lldb.SBCommandReturnObject()
    debugger.GetCommandInterpreter().HandleCommand(command, result)
    print(result.GetOutput() + result.GetError(), flush=True)

def frames():
    found = []
    for frame in target.process.GetSelectedThread():
        name = frame.GetFunctionName() or "?"
        if "stack_barrier" not in name:
            found.append((name.split("(")[0].split("<")[0], frame.GetPC()))
    return found
"#;

/// Lets the program go.
const END: &str = r#"
target.DeleteAllBreakpoints()
target.process.Continue()
print("EXIT", target.process.GetExitStatus())
"#;

/// What lldb printed that was given `arguments` and `commands`, or `None` if there is no lldb here that can run a process. `script`, in Python, is run last.
fn lldb(arguments: &[&str], mode: &str, commands: &[&str], text: &str) -> Option<String> {
    let file = ScriptFile::new(&(PRELUDE.to_owned() + text));
    let ours = format!("command script import {}", script("lldb_tasks.py").display());
    // Not imported: while it is, commands would not know of the process.
    let last = format!("script exec(open('{}').read(), globals())", file.path().display());
    let name = NAMES.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    let mut lldb = Command::new(name.unwrap_or(NAMES[0]));
    lldb.args(["--batch", "--no-lldbinit", "-o", &ours]);
    commands.iter().for_each(|command| _ = lldb.args(["-o", command]));
    lldb.args(["-o", &last]).args(arguments);
    // Debian's version 14 looks for its module in the wrong place.
    lldb.env("PYTHONPATH", "/usr/lib/llvm-14/lib/python3.11/dist-packages").env(MODE, mode);
    printed(&mut lldb)
}

fn run(mode: &str, text: &str) -> Option<String> {
    let program = std::env::current_exe().unwrap();
    run_program(program.to_str().unwrap(), mode, text)
}

fn run_program(program: &str, mode: &str, text: &str) -> Option<String> {
    let launch = ["settings set target.disable-aslr false", "process launch"];
    lldb(&[["--", program].as_slice(), &INFERIOR].concat(), mode, &launch, text)
}

/// Prints the list, each task's frames, and the stopped thread's own backtrace.
const SHOW: &str = r#"
print("== list"); execute("tasks")
for number in (1, 2, 3):
    print(f"== task {number}"); execute(f"task {number}")
print("== bt"); execute("thread backtrace")
print("== end")
"#;

fn without_empty_lines(text: &str) -> String {
    text.lines().filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

#[test]
fn tasks_are_listed_and_walked() {
    for mode in mode::NAMES {
        let Some(text) = run(mode, &[SHOW, END].concat()) else { return };
        check_shown(&without_empty_lines(&text), mode);
        assert!(text.contains("EXIT 0"), "{text}");
    }
}

#[test]
fn no_debug_information_is_needed() {
    let program = Stripped::of("--strip-debug");
    for mode in mode::NAMES {
        let Some(text) = run_program(program.path(), mode, &[SHOW, END].concat()) else { return };
        check_shown(&without_empty_lines(&text), mode);
    }
}

#[test]
fn without_symbols_it_says_what_is_missing() {
    let program = Stripped::of("--strip-all");
    let Some(text) = run_program(program.path(), mode::NAMES[1], "execute('tasks')\n") else { return };
    assert!(
        text.contains("no symbol SCHED_TASKS: no sched in this program, or its symbols were stripped"),
        "{text}"
    );
}

/// Written by gdb: lldb 14 writes none of a Linux process.
#[test]
fn a_core_file_shows_the_same() {
    let program = std::env::current_exe().unwrap();
    for mode in mode::NAMES {
        let core =
            std::env::temp_dir().join(format!("lldb-tasks-{}-{}.core", std::process::id(), mode.len()));
        let path = core.to_str().unwrap();
        let save =
            format!("gdb.execute('run')\ngdb.execute('generate-core-file {path}')\ngdb.execute('kill')\n");
        let Some(_) = crate::gdb::run(mode, &save) else { return };
        let create = [format!("target create --core {path} {}", program.display())];
        let text = lldb(&[], mode, &create.each_ref().map(String::as_str), SHOW);
        std::fs::remove_file(&core).unwrap();
        let Some(text) = text else { return };
        check_shown(&without_empty_lines(&text), mode);
    }
}

const USUAL: Usual = Usual { prelude: "", only_here: &[], end: END };

#[test]
fn the_usual_commands_work_under_barriers() {
    commands::work_under_barriers(&USUAL, run, "EXIT 0");
}
