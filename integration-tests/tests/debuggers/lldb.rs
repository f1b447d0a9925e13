//! lldb: `tasks`, `task N`, and the ordinary commands.

use integration_tests::mode;

use crate::run_lldb::{self, END, LAUNCH};
use crate::usual_commands::Usual;
use crate::{INFERIOR, MODE, Stripped, check_shown, script};

/// What lldb printed that was given `arguments` and `commands`, our own known, or `None` if there is no lldb here that can run a process. `script` is run last.
fn lldb(arguments: &[&str], mode: &str, commands: &[&str], text: &str) -> Option<String> {
    let ours = format!("command script import {}", script("lldb_tasks.py").display());
    run_lldb::lldb(arguments, (MODE, mode), &[&[ours.as_str()], commands].concat(), text)
}

fn run(mode: &str, text: &str) -> Option<String> {
    let program = std::env::current_exe().unwrap();
    run_program(program.to_str().unwrap(), mode, text)
}

fn run_program(program: &str, mode: &str, text: &str) -> Option<String> {
    lldb(&[["--", program].as_slice(), &INFERIOR].concat(), mode, &LAUNCH, text)
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

const USUAL: Usual = Usual {
    prelude: "",
    commands: &[
        "finish", "finish", "finish", "finish", "finish", "finish", "up", "next", "stepi", "nexti", "finish",
        "step", "finish",
    ],
    end: END,
};

#[test]
fn the_usual_commands_work_under_barriers() {
    for mode in mode::NAMES {
        let Some(text) = run(mode, &USUAL.script("nested")) else { return };
        USUAL.check(mode, &text, "EXIT 0");
    }
}
