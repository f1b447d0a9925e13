//! Histories from a fuzzer's bytes: any bytes are one, and a byte changed, taken out or put in changes little.

use barrier_arch::description::{self, Architecture};
use barrier_arch::reference::Machine;

use super::MODES;
use super::life::{Event, Life};
use super::op::Op;

/// Whose rules can be kept here: operations on barriers go by this machine's, and must not take what is alive by another's for popped.
pub fn machines() -> impl Iterator<Item = &'static Architecture> {
    let host = Machine::of(description::host().unwrap()).linkage_bytes();
    description::ALL.iter().copied().filter(move |arch| Machine::of(arch).linkage_bytes() >= host)
}

/// Lives through what `bytes` stand for, by the rules and in the mode that `whose` stands for.
pub fn live(whose: u8, bytes: &[u8]) {
    let all: Vec<_> = machines().flat_map(|arch| MODES.map(|spacing| (arch, spacing))).collect();
    let (arch, spacing) = all[usize::from(whose) % all.len()];
    Life::new(arch, spacing).through(&events(bytes));
}

/// Bytes of one event.
const EVENT: usize = 4;

/// The events that `bytes` stand for.
pub fn events(bytes: &[u8]) -> Vec<Event> {
    bytes
        .chunks_exact(EVENT)
        .map(|chunk| event(chunk[0], [chunk[1], chunk[2], chunk[3]].map(usize::from)))
        .collect()
}

/// What happens often has several numbers.
fn event(kind: u8, [a, b, c]: [usize; 3]) -> Event {
    match kind % 32 {
        0 => Event::TailCall { shape: a },
        1 => Event::Longjmp { frames: a % 8 },
        2 => Event::Panic { frames: a % 8 },
        3..6 => Event::Collect { scan: a % 8 != 0 },
        6 => Event::Move { log2: 14 + a as u32 % 5 },
        7 => Event::Profile { skip: a % 8 },
        8 => Event::UnwindBarriers { depth: a },
        9 if a % 4 == 0 => Event::RemoveBarriers,
        10 if a % 4 == 0 => Event::EndTask { shape: b },
        kind => Event::Mutate(op(kind, [a, b, c])),
    }
}

fn op(kind: u8, [a, b, c]: [usize; 3]) -> Op {
    let (local, field) = (b % 4, c % 2);
    match kind {
        11..15 => Op::Call { shape: a },
        15 => Op::Return { times: 1 + a % 4 },
        16 => Op::Recover { frames: 1 + a % 6 },
        17 => Op::New { local },
        18 => Op::Take { local },
        19 => Op::Put { local },
        20 => Op::Clear { local },
        21 => Op::Load { field },
        22 => Op::Store { local, field },
        23 => Op::Cut { local, field },
        24 | 25 => Op::Grow { local, field },
        26 => Op::Move { to: a % 4, local, field },
        27 => Op::Pull { local, field },
        28 | 29 => Op::StoreUp { depth: a, local },
        30 => Op::Runtime { depth: a, local, bulk: field == 1 },
        _ => Op::Mark { quantum: a % 5 },
    }
}
