//! Lua: its errors, and coroutines that are killed, are `longjmp` over C frames with barriers.

use mlua::{Error, Lua};

use crate::{Here, same_as_on_a_thread};

fn run(here: Here) -> String {
    let lua = Lua::new();
    let globals = lua.globals();
    let come_by = lua.create_function(move |_, ()| {
        here.come_by();
        Ok(())
    });
    globals.set("here", come_by.unwrap()).unwrap();
    let host_error = lua.create_function(move |_, digits: String| {
        here.come_by();
        if digits == "17" { Err(Error::runtime("seventeen")) } else { Ok(digits) }
    });
    globals.set("host_error", host_error.unwrap()).unwrap();
    let text: String = lua.load(include_str!("script.lua")).set_name("script").eval().unwrap();
    assert!(text.lines().count() > 50, "{text}");
    text
}

#[test]
fn lua_gives_the_same_answers() {
    same_as_on_a_thread(run);
}

/// A Rust panic inside a Lua callback: mlua carries it across Lua's frames as an error and resumes it behind them.
#[test]
fn a_panic_crosses_lua() {
    fn panics(here: Here) -> String {
        let lua = Lua::new();
        let fail = lua.create_function(move |_, depth: usize| -> mlua::Result<()> {
            here.come_by();
            if depth == 0 { std::panic::resume_unwind(Box::new("from below Lua")) } else { Ok(()) }
        });
        lua.globals().set("fail", fail.unwrap()).unwrap();
        let script = "local function f(n) fail(n) if n > 0 then f(n - 1) end return n end return f(30)";
        let mut caught = Vec::new();
        for _ in 0..200 {
            let run = || lua.load(script).eval::<usize>();
            let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_err();
            caught.push(*panic.downcast::<&str>().unwrap());
            here.come_by();
        }
        caught.join(" ")
    }
    same_as_on_a_thread(panics);
}
