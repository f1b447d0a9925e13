//! gdb in compiled Scheme: the ordinary commands, and every instruction of returns through barriers.

use barrier_arch::Spacing;

use super::usual_commands::Usual;
use super::{GDB_END, GDB_PRELUDE, INTO_SCHEME, KINDS, MODES, all_modes, check_barriers, gdb, name, told};

/// In the youngest compiled function, which has two more lines to go, and out of several.
const USUAL: Usual = Usual {
    prelude: "",
    commands: &[
        "next", "until", "up", "stepi", "nexti", "finish", "finish", "stepi", "finish", "up", "nexti",
        "finish", "finish",
    ],
    end: GDB_END,
};

#[test]
fn the_usual_commands_work_in_compiled_code() {
    for mode in all_modes() {
        let script = [GDB_PRELUDE, INTO_SCHEME, &USUAL.script("down")].concat();
        let Some(text) = gdb(mode, &script) else { return };
        USUAL.check(&name(mode.0, mode.1), &text, "exited normally");
    }
}

/// Six returns, instruction by instruction, epilogues and trampolines included: what is above is always the same, and compiled code runs the same
/// instructions as without barriers. That it is the unwind tables that say so is shown by taking them away.
#[test]
fn callers_are_right_at_every_instruction() {
    const STEP: &str = r#"
first = frames()
left = lambda: len(first) - len(frames())
print("BARRIERS", barriers())
bad = inside = trampoline = 0
path = []
while trampoline or left() < 6:
    execute("stepi")
    trampoline = "stack_barrier" in gdb.newest_frame().name()
    above = frames()[0 if trampoline else 1:]
    wrong = above != first[len(first) - len(above):]
    bad += wrong
    inside += trampoline
    if wrong:
        print("WRONG", execute("x/i $pc").strip(), above[:3])
    if not trampoline:
        path.append("%x:%d" % (gdb.newest_frame().pc() & 0xffff, len(above)))
print("BAD", bad)
print("INSIDE", inside)
print("PATH " + " ".join(path))
true = frames()
execute("maint set dwarf unwinders off")
execute("maint flush register-cache")
print("BY PROLOGUES", frames() == true)
execute("maint set dwarf unwinders on")
execute("maint flush register-cache")
"#;
    for stacks in KINDS {
        let mut without = None;
        for spacing in MODES {
            let mode = (spacing, stacks);
            let Some(text) = gdb(mode, &[GDB_PRELUDE, INTO_SCHEME, STEP, GDB_END].concat()) else { return };
            check_barriers(told(&text, "BARRIERS "), spacing, &text);
            assert_eq!(told(&text, "BAD "), "0", "{mode:?}: {text}");
            let path = told(&text, "PATH ");
            assert!(path.split(' ').count() > 30, "{text}");
            assert_eq!(without.get_or_insert_with(|| path.to_owned()), path, "{mode:?}");
            let inside: usize = told(&text, "INSIDE ").parse().expect("a number");
            match spacing {
                Spacing::Off => assert_eq!(inside, 0),
                Spacing::EveryFrame => {
                    assert!(inside > 6 * 10, "{text}");
                    assert_eq!(told(&text, "BY PROLOGUES "), "False", "{text}");
                }
                _ => {}
            }
            assert!(text.contains("exited normally"), "{mode:?}: {text}");
        }
    }
}
