//! What a simulated program can do to its stack, its heap and its register.

/// One step of a history. Numbers are taken modulo what there is to choose from; `local`s are those of the running frame.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// Calls with the register as argument.
    Call { shape: usize },
    /// Returns up to so many times.
    Return { times: usize },
    /// Drops so many frames at once.
    Recover { frames: usize },
    /// local := new object
    New { local: usize },
    /// register := local
    Take { local: usize },
    /// local := register
    Put { local: usize },
    /// local := null
    Clear { local: usize },
    /// register := register.field
    Load { field: usize },
    /// local.field := register, with the write barrier
    Store { local: usize, field: usize },
    /// local.field := null
    Cut { local: usize, field: usize },
    /// local.field := new object, whose field 0 is the old one: a list grows.
    Grow { local: usize, field: usize },
    /// to := local.field; local.field := null. Now the stack alone has it.
    Move { to: usize, local: usize, field: usize },
    /// register := local.field; local.field := null. Now the register alone has it.
    Pull { local: usize, field: usize },
    /// A local of some frame := register, through a pointer; register := null.
    StoreUp { depth: usize, local: usize },
    /// The runtime moves the register into a local of some frame.
    Runtime { depth: usize, local: usize, bulk: bool },
    /// The collector marks so many objects.
    Mark { quantum: usize },
}
