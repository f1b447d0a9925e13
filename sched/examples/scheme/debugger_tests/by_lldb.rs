//! lldb on compiled Scheme: by gdb's JIT interface, as gdb.

use barrier_arch::Spacing;

use super::run_lldb::{self, LAUNCH};
use super::usual_commands::Usual;
use super::{INFERIOR, KINDS, MODE, MODES, Stacks, all_modes, check_frames, name};

/// No other thread runs; the one that stopped leaves the primitive.
const STOPPED: &str = r#"
others = [thread for thread in target.process if thread.id != target.process.GetSelectedThread().id]
for thread in others:
    thread.Suspend()
"#;

const END: &str = r#"
for thread in others:
    thread.Resume()
target.DeleteAllBreakpoints()
target.process.Continue()
print("EXIT", target.process.GetExitStatus())
"#;

fn lldb((spacing, stacks): (Spacing, Stacks), script: &str) -> Option<String> {
    let program = std::env::current_exe().expect("this program");
    let arguments = [["--", program.to_str().expect("UTF-8")].as_slice(), &INFERIOR].concat();
    run_lldb::lldb(&arguments, (MODE, &name(spacing, stacks)), &LAUNCH, script)
}

#[test]
fn lldb_knows_names_and_lines_and_unwinds_compiled_functions() {
    const SHOW: &str = r#"
def described(frame):
    entry = frame.GetLineEntry()
    place = "%s:%d" % (entry.GetFileSpec().GetFilename(), entry.GetLine()) if entry.IsValid() else "-"
    return (frame.GetFunctionName() or "?") + " " + place

shown = [described(frame) for frame in target.process.GetSelectedThread()]
print("FRAMES " + "|".join(frame for frame in shown if "stack_barrier" not in frame))
print("BARRIERS", sum("stack_barrier" in frame for frame in shown))
"#;
    for stacks in KINDS {
        let mut without = None;
        for spacing in MODES {
            let Some(text) = lldb((spacing, stacks), &[STOPPED, SHOW, END].concat()) else { return };
            check_frames(&text, (spacing, stacks), &mut without);
            assert!(text.contains("EXIT 0"), "{spacing:?} {stacks:?}: {text}");
        }
    }
}

const USUAL: Usual = Usual {
    prelude: r#"
while frames()[0][0] != "down":
    execute("finish")
"#,
    commands: &["next", "step", "up", "stepi", "nexti", "finish", "finish", "stepi", "finish", "finish"],
    end: END,
};

#[test]
fn the_usual_commands_work_in_compiled_code() {
    for mode in all_modes() {
        let Some(text) = lldb(mode, &[STOPPED, &USUAL.script("down")].concat()) else { return };
        USUAL.check(&name(mode.0, mode.1), &text, "EXIT 0");
    }
}
