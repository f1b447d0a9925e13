//! The ordinary commands of a debugger, under barriers: after each one, the frames must be the last ones of those before.

use integration_tests::mode;

/// What one debugger has of its own.
pub(crate) struct Usual {
    /// Python: `execute(command)`, and `frames()`, a list of (name, pc) without the trampoline. Ends where the program has stopped.
    pub(crate) prelude: &'static str,
    /// Commands that the other debugger does not have.
    pub(crate) only_here: &'static [&'static str],
    /// Python: lets the program go.
    pub(crate) end: &'static str,
}

const COMMANDS: [&str; 13] = [
    "finish", "finish", "finish", "finish", "finish", "finish", "up", "next", "stepi", "nexti", "finish",
    "step", "finish",
];

/// Python that both understand.
const BODY: &str = r#"
def tail_of(before, now):
    """Is `now` what is left of `before`? The youngest frame may have gone on from where it waited."""
    left = before[len(before) - len(now):]
    return [name for name, _ in now] == [name for name, _ in left] and now[1:] == left[1:]

def try_commands(commands):
    before = frames()
    execute("up 5"); execute("down 2"); execute("f 0")
    for command in commands:
        execute(command)
        now = frames()
        # Inside a callee for a moment: only what is above it can be compared.
        while now and [n for n, _ in now] != [n for n, _ in before[len(before) - len(now):]]:
            now = now[1:]
        print("AFTER", command, len(now), "RIGHT" if len(now) > 20 and tail_of(before, now) else "WRONG")

def break_above():
    above = [pc for name, pc in frames() if "nested" in name][1]
    execute(f"tbreak *{above:#x}")
    execute("continue")
    print("BREAK", "RIGHT" if frames()[0][1] == above else "WRONG")
"#;

/// Runs them in all modes, with `run`: what the debugger prints in a mode that runs a script, if it can here. `exited` is what it says of a program that has
/// come to a good end.
pub(crate) fn work_under_barriers(
    debugger: &Usual,
    run: impl Fn(&str, &str) -> Option<String>,
    exited: &str,
) {
    let Usual { prelude, only_here, end } = debugger;
    let commands = [&COMMANDS, *only_here].concat();
    let script = format!("{BODY}{prelude}try_commands({commands:?})\nbreak_above(){end}");
    for mode in mode::NAMES {
        let Some(text) = run(mode, &script) else { return };
        assert!(!text.contains("WRONG"), "{mode}: {text}");
        assert_eq!(text.matches("RIGHT").count(), commands.len() + 1, "{mode}: {text}");
        assert!(text.contains(exited), "{mode}: {text}");
    }
}
