//! The target: this machine, with the settings that barriers and precise roots need.

use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::default_libcall_names;

use super::error::CompileError;
use super::helper::Helper;
use super::task;
use crate::scheme::cli::Stacks;
use crate::scheme::primitives::Primitive;

/// Address space for code. Reserved, not used up; one arena, so that calls between functions are near.
const CODE_BYTES: usize = 256 << 20;

const SETTINGS: [(&str, &str); 7] = [
    // Nobody but us calls this code, and it is never moved.
    ("is_pic", "false"),
    ("use_colocated_libcalls", "false"),
    // The walk follows frame pointers.
    ("preserve_frame_pointers", "true"),
    ("unwind_info", "true"),
    // It is the task.
    ("enable_pinned_reg", if task::IS_PINNED { "true" } else { "false" }),
    // Prologues check the limit; no frame comes near the red zone.
    ("enable_probestack", "false"),
    ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
];

/// Optimised code may keep the address of a stack slot, in a register or a slot, across a call: where stacks move it would go stale.
fn opt_level(stacks: Stacks) -> &'static str {
    match stacks {
        Stacks::Reserve => "speed",
        Stacks::Copy => "none",
    }
}

fn isa(stacks: Stacks) -> Result<OwnedTargetIsa, CompileError> {
    let mut flags = settings::builder();
    flags.set("opt_level", opt_level(stacks)).map_err(CompileError::backend)?;
    for (name, value) in SETTINGS {
        flags.set(name, value).map_err(CompileError::backend)?;
    }
    let host = cranelift_native::builder().map_err(CompileError::backend)?;
    host.finish(settings::Flags::new(flags)).map_err(CompileError::backend)
}

/// An empty module that knows the runtime's functions.
pub fn module(primitives: &[Primitive], stacks: Stacks) -> Result<JITModule, CompileError> {
    let mut builder = JITBuilder::with_isa(isa(stacks)?, default_libcall_names());
    let arena = ArenaMemoryProvider::new_with_size(CODE_BYTES).map_err(CompileError::backend)?;
    builder.memory_provider(Box::new(arena));
    for helper in Helper::ALL {
        builder.symbol(helper.symbol(), way_to(helper.address(), stacks));
    }
    for primitive in primitives {
        builder.symbol(import_name(primitive), way_to(primitive.code as *const u8, stacks));
    }
    Ok(JITModule::new(builder))
}

/// What compiled code calls for the native function at `address`.
fn way_to(address: *const u8, stacks: Stacks) -> *const u8 {
    match stacks {
        Stacks::Reserve => address,
        Stacks::Copy => sched::native_call as *const () as *const u8,
    }
}

/// The name under which compiled code imports a primitive.
pub fn import_name(primitive: &Primitive) -> String {
    format!("primitive:{}", primitive.name)
}
