//! The sanitizers' own functions, by weak references: absent unless the process is sanitized.

use core::ffi::c_void;

/// Addresses of functions, as the linker found them.
#[repr(C)]
pub(super) struct Hooks {
    /// Before a switch: where to keep what belongs to the stack that is left (null: it will not go on), lowest address of the other, its size.
    pub(super) asan_start: Option<unsafe extern "C" fn(*mut *mut c_void, *const c_void, usize)>,
    /// After a switch: what was kept; lowest address and size of the stack that was left.
    pub(super) asan_finish: Option<unsafe extern "C" fn(*mut c_void, *mut *const c_void, *mut usize)>,
    /// From here on so many bytes may be used.
    pub(super) asan_unpoison: Option<unsafe extern "C" fn(*const c_void, usize)>,
    /// A new thread of execution; flags.
    pub(super) tsan_create: Option<unsafe extern "C" fn(u32) -> *mut c_void>,
    /// One that has ended.
    pub(super) tsan_destroy: Option<unsafe extern "C" fn(*mut c_void)>,
    /// The one that runs.
    pub(super) tsan_current: Option<unsafe extern "C" fn() -> *mut c_void>,
    /// Right before a switch: the one that goes on, and flags. 0: what was left happened before.
    pub(super) tsan_switch: Option<unsafe extern "C" fn(*mut c_void, u32)>,
    /// What happened before the release of an address happened before its acquisition.
    pub(super) tsan_acquire: Option<unsafe extern "C" fn(*const c_void)>,
    /// See there.
    pub(super) tsan_release: Option<unsafe extern "C" fn(*const c_void)>,
    /// From here on so many bytes may hold references.
    pub(super) lsan_register: Option<unsafe extern "C" fn(*const c_void, usize)>,
    /// They do not any more.
    pub(super) lsan_unregister: Option<unsafe extern "C" fn(*const c_void, usize)>,
}

#[cfg(target_pointer_width = "64")]
macro_rules! word {
    () => {
        ".8byte "
    };
}
#[cfg(target_pointer_width = "32")]
macro_rules! word {
    () => {
        ".4byte "
    };
}

/// The table, and that each of its functions may be missing.
macro_rules! table {
    ($($function:literal),*) => {
        core::arch::global_asm!(
            $(concat!(".weak ", $function),)*
            ".pushsection .data.rel.ro.barrier_arch,\"aw\",%progbits",
            ".balign 8",
            // Weak, too: two versions of this crate in one program share it.
            ".weak barrier_arch_sanitizer_hooks_1",
            ".hidden barrier_arch_sanitizer_hooks_1",
            ".type barrier_arch_sanitizer_hooks_1,%object",
            "barrier_arch_sanitizer_hooks_1:",
            $(concat!(word!(), $function),)*
            ".size barrier_arch_sanitizer_hooks_1, . - barrier_arch_sanitizer_hooks_1",
            ".popsection",
        );
    };
}

table!(
    "__sanitizer_start_switch_fiber",
    "__sanitizer_finish_switch_fiber",
    "__asan_unpoison_memory_region",
    "__tsan_create_fiber",
    "__tsan_destroy_fiber",
    "__tsan_get_current_fiber",
    "__tsan_switch_to_fiber",
    "__tsan_acquire",
    "__tsan_release",
    "__lsan_register_root_region",
    "__lsan_unregister_root_region"
);

unsafe extern "C" {
    static barrier_arch_sanitizer_hooks_1: Hooks;
}

/// The table.
#[inline(always)]
pub(super) fn hooks() -> &'static Hooks {
    // SAFETY: written by the linker and the loader, before anything runs.
    unsafe { &barrier_arch_sanitizer_hooks_1 }
}
