//! What is known of compiled code, by program counter: live roots for the collector, names and places for backtraces.
//!
//! ```text
//!   functions   start ………… end   name, file, managed?        sorted by start
//!   sites       return pc         slots[a..b], span           sorted by pc; one for every call
//!   slots       bytes below the end of the frame              one flat array
//! ```
//!
//! Compiled Scheme keeps I4 – it has no pointers into callers' frames and a barrier on every store into the heap –
//! so its frames are vouched for. Everything else, the generated entry from Rust included, is not: that one
//! saves Rust's registers.

use std::fmt;
use std::ops::Range;
use std::rc::Rc;
use std::sync::OnceLock;

use gc_mark::{FrameMap, FrameRoots};

use super::core::Span;

/// A compiled function.
#[derive(Clone, Debug)]
pub struct FunctionRecord {
    /// Its code.
    pub code: Range<usize>,
    /// For backtraces.
    pub name: Box<str>,
    /// The file it was defined in; `None` for code that no source stands behind.
    pub file: Option<Box<str>>,
    /// Is that file the prelude?
    pub is_prelude: bool,
    /// Where it is defined.
    pub span: Span,
    /// Compiled Scheme, with precise and complete maps?
    pub is_managed: bool,
}

/// One call in compiled code.
#[derive(Clone, Debug)]
struct Site {
    return_pc: usize,
    slots: Range<u32>,
    span: Span,
}

/// The table. What is in it never changes; code that is compiled while the program runs gets a table behind it.
#[derive(Clone, Debug, Default)]
pub struct FrameTable {
    functions: Vec<FunctionRecord>,
    sites: Vec<Site>,
    slots: Vec<u32>,
    next: OnceLock<Box<FrameTable>>,
}

impl FrameTable {
    /// Adds a function. [`FrameTable::seal`] comes after the last one.
    pub fn add_function(&mut self, function: FunctionRecord) {
        self.functions.push(function);
    }

    /// Adds a call that returns to `return_pc`, with the roots that are live then: so many bytes below the frame's canonical frame address,
    /// which its record is the end of.
    pub fn add_site(&mut self, return_pc: usize, slots: impl IntoIterator<Item = u32>, span: Span) {
        let start = self.slots.len() as u32;
        self.slots.extend(slots);
        self.sites.push(Site { return_pc, slots: start..self.slots.len() as u32, span });
    }

    /// Sorts everything for look-ups.
    pub fn seal(&mut self) {
        self.functions.sort_by_key(|f| f.code.start);
        self.sites.sort_by_key(|s| s.return_pc);
    }

    /// Puts a sealed table behind all others. Neither locks nor waits: look-ups may go on meanwhile. Only one caller at
    /// a time.
    pub fn extend(&self, more: FrameTable) {
        let last = self.chain().last().unwrap_or(self);
        last.next.get_or_init(|| Box::new(more));
    }

    /// This table and those behind it.
    fn chain(&self) -> impl Iterator<Item = &FrameTable> {
        std::iter::successors(Some(self), |table| table.next.get().map(|next| &**next))
    }

    /// The function that `pc` lies in.
    pub fn function_at(&self, pc: usize) -> Option<&FunctionRecord> {
        self.chain().find_map(|table| {
            let after = table.functions.partition_point(|f| f.code.start <= pc);
            table.functions[..after].last().filter(|f| f.code.contains(&pc))
        })
    }

    /// The place of the call that returns to `return_pc`.
    pub fn span_at(&self, return_pc: usize) -> Option<Span> {
        self.site_at(return_pc).map(|(site, _)| site.span)
    }

    /// How many calls there are.
    pub fn sites(&self) -> usize {
        self.chain().map(|table| table.sites.len()).sum()
    }

    /// Place and number of roots of each call in the functions called `name`.
    pub fn sites_of(&self, name: &str) -> Vec<(Span, usize)> {
        let named = |site: &&Site| self.function_at(site.return_pc - 1).is_some_and(|f| &*f.name == name);
        self.chain()
            .flat_map(|table| &table.sites)
            .filter(named)
            .map(|site| (site.span, site.slots.len()))
            .collect()
    }

    /// The site, and its slots.
    fn site_at(&self, return_pc: usize) -> Option<(&Site, &[u32])> {
        self.chain().find_map(|table| {
            let index = table.sites.binary_search_by_key(&return_pc, |s| s.return_pc).ok()?;
            let site = &table.sites[index];
            Some((site, &table.slots[site.slots.start as usize..site.slots.end as usize]))
        })
    }
}

impl FrameMap for FrameTable {
    fn roots_at(&self, return_pc: usize) -> FrameRoots<'_> {
        // A return address may lie just behind its function's last instruction: look at the call.
        let managed = |pc: usize| self.function_at(pc).is_some_and(|f| f.is_managed);
        match self.site_at(return_pc) {
            Some((_, slots)) if managed(return_pc - 1) => {
                FrameRoots::PreciseBelowCfa { slots, vouched: true }
            }
            _ => FrameRoots::Conservative { vouched: false },
        }
    }

    fn describe(&self, return_pc: usize, out: &mut dyn fmt::Write) -> fmt::Result {
        let Some(function) = self.function_at(return_pc - 1) else { return Ok(()) };
        write!(out, "{}", function.name)?;
        function.file.as_ref().map_or(Ok(()), |file| write!(out, " in {file}"))
    }
}

/// A function on its way into the table: where its code will lie is not known yet.
#[derive(Clone, Debug)]
pub struct PendingFunction {
    /// Everything but the code's address.
    pub name: Rc<str>,
    /// See [`FunctionRecord::file`].
    pub file: Option<Rc<str>>,
    /// See [`FunctionRecord::is_prelude`].
    pub is_prelude: bool,
    /// See [`FunctionRecord::span`].
    pub span: Span,
    /// See [`FunctionRecord::is_managed`].
    pub is_managed: bool,
    /// Bytes of code.
    pub size: usize,
    /// Offset of the return address, root slots as in [`FrameTable::add_site`], place of the call.
    pub sites: Vec<(u32, Vec<u32>, Span)>,
    /// Offsets, ascending, and what the code from there on stands for.
    pub places: Vec<(u32, Span)>,
}

impl PendingFunction {
    /// Puts the function into `table`, now that its code is at `start`.
    pub fn settle(self, start: usize, table: &mut FrameTable) {
        for (offset, slots, span) in self.sites {
            table.add_site(start + offset as usize, slots, span);
        }
        table.add_function(FunctionRecord {
            code: start..start + self.size,
            name: (*self.name).into(),
            file: self.file.map(|f| (*f).into()),
            is_prelude: self.is_prelude,
            span: self.span,
            is_managed: self.is_managed,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(name: &str, is_managed: bool, sites: Vec<(u32, Vec<u32>, Span)>) -> PendingFunction {
        let span = Span { line: 1, column: 1 };
        PendingFunction {
            name: name.into(),
            file: None,
            is_prelude: false,
            span,
            is_managed,
            size: 64,
            sites,
            places: Vec::new(),
        }
    }

    fn table() -> FrameTable {
        let mut table = FrameTable::default();
        let call = |line| Span { line, column: 3 };
        pending("g", true, vec![(64, vec![0, 8], call(7)), (10, vec![], call(8))]).settle(0x2000, &mut table);
        pending("f", true, vec![(5, vec![16], call(9))]).settle(0x1000, &mut table);
        pending("entry", false, vec![(20, vec![], call(1))]).settle(0x3000, &mut table);
        table.seal();
        table
    }

    fn slots(table: &FrameTable, pc: usize) -> Option<Vec<u32>> {
        match table.roots_at(pc) {
            FrameRoots::PreciseBelowCfa { slots, vouched: true } => Some(slots.to_vec()),
            _ => None,
        }
    }

    #[test]
    fn every_return_address_has_its_own_map() {
        let table = table();
        assert_eq!(slots(&table, 0x1005), Some(vec![16]));
        assert_eq!(slots(&table, 0x200a), Some(vec![]));
        assert_eq!(slots(&table, 0x2040), Some(vec![0, 8]), "a call that is the last instruction");
        assert_eq!(table.span_at(0x2040), Some(Span { line: 7, column: 3 }));
    }

    #[test]
    fn code_that_comes_later_is_found_as_well() {
        let table = table();
        for start in [0x5000, 0x4000] {
            let mut more = FrameTable::default();
            let call = Span { line: start as u32, column: 1 };
            pending("late", true, vec![(8, vec![4, 12], call)]).settle(start, &mut more);
            more.seal();
            table.extend(more);
        }
        assert_eq!(slots(&table, 0x1005), Some(vec![16]));
        for start in [0x4000, 0x5000] {
            assert_eq!(slots(&table, start + 8), Some(vec![4, 12]));
            assert_eq!(table.span_at(start + 8).map(|span| span.line), Some(start as u32));
        }
        assert_eq!((table.sites(), slots(&table, 0x4009)), (6, None));
    }

    #[test]
    fn what_is_not_ours_is_not_vouched_for() {
        let table = table();
        for pc in [0, 0xfff, 0x1004, 0x1040, 0x1800, 0x3014, 0x4000, usize::MAX] {
            assert!(matches!(table.roots_at(pc), FrameRoots::Conservative { vouched: false }), "{pc:#x}");
        }
        assert!(table.function_at(0x1040).is_none());
        assert_eq!(table.function_at(0x103f).map(|f| &*f.name), Some("f"));
    }
}
