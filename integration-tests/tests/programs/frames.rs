//! Lua and SQLite are compiled without frame pointers here (`.cargo/config.toml`): it takes unwind tables to find their frames.

use std::arch::asm;
use std::cell::Cell;
use std::ops::ControlFlow;
use std::ptr;

use barrier_arch::Spacing;
use integration_tests::ground::{By, Ground};
use mlua::Lua;
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use unwind_walk::{End, LiveStack, Registers, Walk};

thread_local! {
    static GROUND: Cell<*const Ground> = const { Cell::new(ptr::null()) };
    /// Frames found where a program called back: by unwind tables, and by frame pointers.
    static FOUND: Cell<[Option<usize>; 2]> = const { Cell::new([None; 2]) };
}

/// The number of frames from here to the outermost one, if they lead there.
#[inline(never)]
fn frames(ground: &Ground, by: By) -> Option<usize> {
    let (pc, sp, fp): (usize, usize, usize);
    // SAFETY: reads registers.
    unsafe {
        asm!("lea {}, [rip]", "mov {}, rsp", "mov {}, rbp", out(reg) pc, out(reg) sp, out(reg) fp, options(nomem, nostack));
    }
    let bars = ground.bars();
    // SAFETY: the stack that we run on.
    let live = unsafe { LiveStack::new(sp, bars.top()) };
    let (unwind, mut found) = (by.stepper(), 0);
    let walk = Walk::new(&unwind, &live).barriers(bars);
    let walked = walk.strict(bars.stack_hi() - 16, Registers { pc, sp, fp }, |_| {
        found += 1;
        ControlFlow::Continue(())
    });
    walked.is_ok_and(|walked| walked.end == End::Outermost).then_some(found)
}

/// What programs call back.
fn look() {
    // SAFETY: set by `called_back`, which waits for the program.
    let ground = unsafe { &*GROUND.get() };
    ground.scan();
    FOUND.set([By::UnwindTables, By::FramePointers].map(|by| frames(ground, by)));
    ground.check_exact();
}

/// Runs a program on a stack with a barrier at each frame where it calls back.
fn called_back(program: fn()) -> [Option<usize>; 2] {
    FOUND.set([None; 2]);
    Ground::run(1 << 20, Spacing::EveryFrame, By::UnwindTables, |ground| {
        GROUND.set(ground);
        program();
    });
    FOUND.get()
}

/// `theirs`: frames of theirs at least.
fn tables_are_needed(program: fn(), theirs: usize) {
    let [by_tables, by_frame_pointers] = called_back(program);
    let by_tables = by_tables.expect("unwind tables lead to the outermost frame");
    assert!(by_tables > theirs, "{by_tables}");
    // They lead nowhere, or past frames.
    assert!(
        by_frame_pointers.is_none_or(|found| found + theirs <= by_tables),
        "{by_frame_pointers:?} of {by_tables}"
    );
}

#[test]
fn frame_pointers_do_not_lead_through_lua() {
    fn nested() {
        let lua = Lua::new();
        let look = lua.create_function(|_, ()| {
            look();
            Ok(())
        });
        lua.globals().set("look", look.unwrap()).unwrap();
        let script = "local function f(n) if n == 0 then look() else assert(pcall(f, n - 1)) end end f(20)";
        lua.load(script).exec().unwrap();
    }
    // Three or more for each `pcall`.
    tables_are_needed(nested, 40);
}

#[test]
fn frame_pointers_do_not_lead_through_sqlite() {
    fn query() {
        let db = Connection::open_in_memory().unwrap();
        let look = |_: &rusqlite::functions::Context<'_>| {
            look();
            Ok(1)
        };
        db.create_scalar_function("look", 0, FunctionFlags::SQLITE_UTF8, look).unwrap();
        assert_eq!(db.query_row("SELECT look()", [], |row| row.get(0)), Ok(1));
    }
    // The interpreter and who calls it.
    tables_are_needed(query, 2);
}
