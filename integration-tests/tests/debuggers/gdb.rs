//! gdb: `info tasks`, `task N`, `print *bars`, the ordinary commands, and a core file.

use integration_tests::mode;

use crate::usual_commands::Usual;
use crate::{INFERIOR, MODE, Stripped, check_shown, debugger, part, script};

/// What gdb printed that ran `commands` with our commands known, or `None` if there is no gdb here that can.
fn gdb(arguments: &[&str], mode: &str, commands: &str) -> Option<String> {
    let source = format!("gdb.execute('source {}')\n", script("gdb.py").display());
    debugger::gdb(arguments, (MODE, mode), &(source + commands))
}

pub(crate) fn run(mode: &str, commands: &str) -> Option<String> {
    let program = std::env::current_exe().unwrap();
    run_program(program.to_str().unwrap(), mode, commands)
}

fn run_program(program: &str, mode: &str, commands: &str) -> Option<String> {
    gdb(&[["--args", program].as_slice(), &INFERIOR].concat(), mode, commands)
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
    for mode in mode::NAMES {
        let commands = format!("{SHOW}\ngdb.execute('run')\nshow()\ngdb.execute('continue')\n");
        let Some(text) = run(mode, &commands) else { return };
        check_shown(&text, mode);
        assert!(text.contains("exited normally"), "{text}");
    }
}

#[test]
fn a_core_file_shows_the_same() {
    let program = std::env::current_exe().unwrap();
    for mode in mode::NAMES {
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

/// A release build has lines and no variables; this has less.
#[test]
fn no_debug_information_is_needed() {
    let program = Stripped::of("--strip-debug");
    for mode in mode::NAMES {
        let commands = format!("{SHOW}\ngdb.execute('run')\nshow()\ngdb.execute('continue')\n");
        let Some(text) = run_program(program.path(), mode, &commands) else { return };
        check_shown(&text, mode);
        assert!(text.contains("exited normally"), "{text}");
    }
}

#[test]
fn without_symbols_it_says_what_is_missing() {
    let program = Stripped::of("--strip-all");
    let commands = "gdb.execute('run')\ngdb.execute('info tasks')\n";
    let Some(text) = run_program(program.path(), mode::NAMES[1], commands) else { return };
    assert!(
        text.contains("no symbol SCHED_TASKS: no sched in this program, or its symbols were stripped"),
        "{text}"
    );
}

#[test]
fn a_list_of_barriers_is_printed() {
    for mode in &mode::NAMES[1..] {
        let commands = "gdb.execute('run')\nprint('== bars'); gdb.execute('print *bars')\nprint('== end')\ngdb.execute('continue')\n";
        let Some(text) = run(mode, commands) else { return };
        let shown = part(&text, "bars").join(" ");
        assert!(shown.contains("StkbarSlice(top 0x") && shown.contains("@@@ *0x"), "{text}");
        assert!(shown.matches('=').count() > 3, "{text}");
    }
}

const USUAL: Usual = Usual {
    prelude: r#"
def execute(command):
    return gdb.execute(command, to_string=True)

def frames():
    found, frame = [], gdb.newest_frame()
    while frame is not None:
        name = frame.name() or "?"
        if "stack_barrier" not in name:
            found.append((name.split("<")[0], frame.pc()))
        frame = frame.older()
    return found

gdb.execute("run")
"#,
    commands: &[
        "finish", "finish", "finish", "finish", "finish", "finish", "up", "next", "stepi", "nexti", "finish",
        "step", "finish", "up", "until", "finish",
    ],
    end: "\ngdb.execute('continue')\n",
};

#[test]
fn the_usual_commands_work_under_barriers() {
    for mode in mode::NAMES {
        let Some(text) = run(mode, &USUAL.script("nested")) else { return };
        USUAL.check(mode, &text, "exited normally");
    }
}
