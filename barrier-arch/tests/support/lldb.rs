//! lldb in batch mode, beside `debugger`.

use std::process::Command;

use super::debugger::{ScriptFile, printed};

/// lldb under Debian's names: there is a package without a number, which is one of the others.
const NAMES: [&str; 5] = ["lldb-14", "lldb", "lldb-16", "lldb-19", "lldb-15"];

/// Commands of lldb that start the program.
pub(crate) const LAUNCH: [&str; 2] = ["settings set target.disable-aslr false", "process launch"];

/// Python for lldb: lets the program go.
pub(crate) const END: &str = r#"
target.DeleteAllBreakpoints()
target.process.Continue()
print("EXIT", target.process.GetExitStatus())
"#;

/// Python for lldb: what `Usual` wants.
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

/// What lldb printed that was given `arguments` and `commands`, or `None` if there is no lldb here that can run a process. `script`, in Python, is run last;
/// an environment variable is for the program.
pub(crate) fn lldb(
    arguments: &[&str],
    (variable, value): (&str, &str),
    commands: &[&str],
    script: &str,
) -> Option<String> {
    let file = ScriptFile::new(&(PRELUDE.to_owned() + script));
    // Not imported: while it is, commands would not know of the process.
    let last = format!("script exec(open('{}').read(), globals())", file.path().display());
    let name = NAMES.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    let mut lldb = Command::new(name.unwrap_or(NAMES[0]));
    lldb.args(["--batch", "--no-lldbinit"]);
    commands.iter().for_each(|command| _ = lldb.args(["-o", command]));
    lldb.args(["-o", &last]).args(arguments);
    // Debian's version 14 looks for its module in the wrong place.
    lldb.env("PYTHONPATH", "/usr/lib/llvm-14/lib/python3.11/dist-packages").env(variable, value);
    printed(&mut lldb)
}
