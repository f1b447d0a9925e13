//! A debugger in batch mode, run by tests on an executable of theirs. Where there is none, or it may not look at a process, tests are skipped, and say so.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a debugger says that cannot do what is asked of it here.
const REFUSALS: [&str; 3] =
    ["Operation not permitted", "Python scripting is not supported", "embedded_interpreter"];

/// A script in a file that is there until this is dropped. Its name is a Python module's.
pub(crate) struct ScriptFile(PathBuf);

impl ScriptFile {
    pub(crate) fn new(text: &str) -> ScriptFile {
        static SCRIPTS: AtomicUsize = AtomicUsize::new(0);
        let number = SCRIPTS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("debugger_{}_{number}.py", std::process::id()));
        std::fs::write(&path, text).unwrap();
        ScriptFile(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScriptFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

/// What `debugger` printed, or `None` if it cannot be run here or cannot run a process.
pub(crate) fn printed(debugger: &mut Command) -> Option<String> {
    let output = match debugger.env_remove("DEBUGINFOD_URLS").output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("skipped: {debugger:?} cannot be run here ({error}; ci/packages.sh installs it)");
            return None;
        }
    };
    let [text, errors] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let text = text.into_owned() + &errors;
    if let Some(refusal) = REFUSALS.into_iter().find(|refusal| text.contains(refusal)) {
        eprintln!("skipped: {refusal}");
        return None;
    }
    Some(text)
}

/// What gdb printed that ran `script`, in Python. `arguments` name the program, or the program and its core file; an environment variable is for the program.
pub(crate) fn gdb(arguments: &[&str], (variable, value): (&str, &str), script: &str) -> Option<String> {
    let settings = ["set pagination off", "set confirm off", "set backtrace limit 300"];
    let prelude = format!("import gdb\nfor line in {settings:?}: gdb.execute(line)\n");
    let file = ScriptFile::new(&(prelude + script));
    let mut gdb = Command::new("gdb");
    gdb.args(["--batch", "--nx", "--quiet", "-x"]).arg(file.path()).args(arguments);
    printed(gdb.env(variable, value))
}
