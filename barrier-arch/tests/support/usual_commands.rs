//! The ordinary commands of a debugger, under barriers: after each one, the frames must be the last ones of those before. For whoever runs a debugger on a
//! program of its own.

/// What one debugger has of its own.
pub(crate) struct Usual {
    /// Python: `execute(command)`, and `frames()`, a list of (name, pc) without the trampoline. Ends where the program has stopped.
    pub(crate) prelude: &'static str,
    /// What is tried, one after the other.
    pub(crate) commands: &'static [&'static str],
    /// Python: lets the program go.
    pub(crate) end: &'static str,
}

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

def break_above(part):
    above = [pc for name, pc in frames() if part in name][1]
    execute(f"tbreak *{above:#x}")
    execute("continue")
    print("BREAK", "RIGHT" if frames()[0][1] == above else "WRONG")
"#;

impl Usual {
    /// Python that tries them all, and a breakpoint further up in a function whose name contains `part`.
    pub(crate) fn script(&self, part: &str) -> String {
        let Usual { prelude, commands, end } = self;
        format!("{BODY}{prelude}try_commands({commands:?})\nbreak_above({part:?}){end}")
    }

    /// Looks at what that printed, in a mode. `exited` is what the debugger says of a program that has come to a good end.
    pub(crate) fn check(&self, mode: &str, text: &str, exited: &str) {
        assert!(!text.contains("WRONG"), "{mode}: {text}");
        assert_eq!(text.matches("RIGHT").count(), self.commands.len() + 1, "{mode}: {text}");
        assert!(text.contains(exited), "{mode}: {text}");
    }
}
