//! `read`: a datum from a port.
//!
//! The text of the datum is taken off the port first, then built without recursion:
//!
//! ```text
//!   stack     (frame …)                           a list of the heap, so that all that is built is rooted
//!   frame     #(what elements-in-reverse tail)    an open parenthesis, prefix, comment or label
//! ```

use std::collections::{HashMap, HashSet};

use crate::scheme::core::Datum;
use crate::scheme::extent::{Extent, Step};
use crate::scheme::fault::Fault;
use crate::scheme::lexer::{Lexer, Token};
use crate::scheme::machine::Machine;
use crate::scheme::numbers::Number;
use crate::scheme::object::{Header, Kind, ObjectRef};
use crate::scheme::ports::held::Held;
use crate::scheme::value::Value;

use super::Outcome;
use super::check::{elements, proper_length};

/// The next datum of a port; the end-of-file object if there is none.
pub fn datum(machine: &Machine<'_>, port: Held<'_>) -> Outcome {
    let text = extent(&port);
    // Others may read what follows while the datum is built.
    drop(port);
    text?.map_or(Ok(Value::EOF), |text| from_text(machine, &text))
}

/// Takes the text of the next datum off a port; `None` if there is none.
fn extent(port: &Held<'_>) -> Result<Option<String>, Fault> {
    let mut extent = Extent::new();
    let mut text = String::new();
    while let Some(c) = port.peek_char()? {
        if extent.step(c) == Step::Stop {
            break;
        }
        text.push(c);
        port.take_char()?;
    }
    Ok((!extent.is_blank()).then_some(text))
}

/// The first datum of a text.
///
/// # Errors
///
/// [`Fault::Read`] if there is none.
pub fn from_text(machine: &Machine<'_>, text: &str) -> Outcome {
    let mut lexer = Lexer::new("port", text);
    let mut builder = Builder { machine, stack: Value::NIL, labels: HashMap::new(), labelled: Value::NIL };
    loop {
        let token = lexer.next_token().map_err(|error| Fault::Read(error.fault.to_string()))?;
        let Some((_, token)) = token else { return Err(bad("the text ends inside of a datum")) };
        if let Some(value) = builder.token(token)? {
            return builder.resolved(value);
        }
    }
}

fn bad(what: &str) -> Fault {
    Fault::Read(what.to_owned())
}

/// What a frame of the stack is for.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum What {
    List,
    /// After the dot.
    Tail,
    /// After the datum that follows the dot.
    Ended,
    Vector,
    Bytes,
    /// A prefix; the elements are its keyword.
    Prefix,
    Comment,
    /// A label; the tail is its number.
    Label,
}

impl What {
    fn of(frame: ObjectRef) -> What {
        const ALL: [What; 8] = [
            What::List,
            What::Tail,
            What::Ended,
            What::Vector,
            What::Bytes,
            What::Prefix,
            What::Comment,
            What::Label,
        ];
        frame.field(WHAT).as_index().and_then(|n| ALL.get(n)).copied().unwrap_or(What::List)
    }

    fn value(self) -> Value {
        Value::index(self as usize)
    }
}

const WHAT: usize = 1;
const ITEMS: usize = 2;
const TAIL: usize = 3;

struct Builder<'m> {
    machine: &'m Machine<'m>,
    stack: Value,
    /// The placeholder of each label, a box.
    labels: HashMap<usize, Value>,
    /// All placeholders, so that they are roots.
    labelled: Value,
}

impl Builder<'_> {
    /// Takes a token. The datum, when that is complete.
    fn token(&mut self, token: Token) -> Result<Option<Value>, Fault> {
        match token {
            Token::Open | Token::OpenBracket => self.push(What::List, Value::NIL, Value::NIL)?,
            Token::OpenVector => self.push(What::Vector, Value::NIL, Value::NIL)?,
            Token::OpenBytes => self.push(What::Bytes, Value::NIL, Value::NIL)?,
            Token::DatumComment => self.push(What::Comment, Value::NIL, Value::NIL)?,
            Token::Prefix(prefix) => {
                let keyword = self.machine.symbol(prefix.keyword)?;
                self.push(What::Prefix, keyword, Value::NIL)?;
            }
            Token::Label(number) => self.label(number)?,
            Token::Reference(number) => {
                let placeholder = self.labels.get(&number).copied();
                return self
                    .complete(placeholder.ok_or_else(|| bad("a reference to a label that is not there"))?);
            }
            Token::Dot => self.dot()?,
            Token::Close | Token::CloseBracket => {
                let value = self.close()?;
                return self.complete(value);
            }
            Token::Atom(atom) => {
                let value = self.atom(&atom)?;
                return self.complete(value);
            }
        }
        Ok(None)
    }

    fn push(&mut self, what: What, items: Value, tail: Value) -> Result<(), Fault> {
        let frame =
            self.machine.object(Header::with_length(Kind::Vector, 3), &[what.value(), items, tail])?;
        self.stack = self.machine.pair(frame, self.stack)?;
        Ok(())
    }

    fn top(&self) -> Option<ObjectRef> {
        ObjectRef::of(ObjectRef::of(self.stack, Kind::Pair)?.field(1), Kind::Vector)
    }

    fn pop(&mut self) {
        self.stack = ObjectRef::of(self.stack, Kind::Pair).map_or(Value::NIL, |pair| pair.field(2));
    }

    fn label(&mut self, number: usize) -> Result<(), Fault> {
        let placeholder = self.machine.object(Header::plain(Kind::Box), &[Value::UNASSIGNED])?;
        self.labelled = self.machine.pair(placeholder, self.labelled)?;
        self.labels.insert(number, placeholder);
        self.push(What::Label, Value::NIL, placeholder)
    }

    fn dot(&mut self) -> Result<(), Fault> {
        let list = self.top().filter(|top| What::of(*top) == What::List && top.field(ITEMS) != Value::NIL);
        let list = list.ok_or_else(|| bad("misplaced `.`"))?;
        self.machine.store(list, WHAT, What::Tail.value());
        Ok(())
    }

    /// What the parenthesis closes.
    fn close(&mut self) -> Outcome {
        let top = self.top().ok_or_else(|| bad("`)` closes nothing"))?;
        let items = top.field(ITEMS);
        let value = match What::of(top) {
            What::List | What::Ended => self.reversed(items, top.field(TAIL)),
            What::Vector => self.vector(items)?,
            What::Bytes => self.bytes(items)?,
            _ => return Err(bad("`)` where a datum must follow")),
        };
        self.pop();
        Ok(value)
    }

    /// Turns a list round in place.
    fn reversed(&self, items: Value, tail: Value) -> Value {
        let (mut rest, mut list) = (items, tail);
        while let Some(pair) = ObjectRef::of(rest, Kind::Pair) {
            rest = pair.field(2);
            self.machine.store(pair, 2, list);
            list = pair.value();
        }
        list
    }

    fn vector(&self, items: Value) -> Outcome {
        let length = proper_length(items).unwrap_or(0);
        let vector = self.machine.vector(length, Value::UNSPECIFIED)?;
        let object = ObjectRef::of(vector, Kind::Vector).ok_or_else(|| bad("no vector"))?;
        elements(items)
            .take(length)
            .enumerate()
            .for_each(|(i, item)| self.machine.store(object, length - i, item));
        Ok(vector)
    }

    fn bytes(&self, items: Value) -> Outcome {
        let byte = |item: Value| item.as_fixnum().and_then(|n| u8::try_from(n).ok());
        let bytes: Option<Vec<u8>> = elements(items).map(byte).collect();
        let mut bytes = bytes.ok_or_else(|| bad("a bytevector holds numbers from 0 to 255"))?;
        bytes.reverse();
        self.machine.bytevector(&bytes)
    }

    fn atom(&self, atom: &Datum) -> Outcome {
        match atom {
            Datum::Fixnum(n) => self.machine.number(Number::small(*n)),
            Datum::Flonum(x) => self.machine.flonum(*x),
            Datum::Exact(n) => self.machine.number((**n).clone()),
            Datum::Complex(n) => self.machine.complex((**n).clone()),
            Datum::Bool(b) => Ok(Value::boolean(*b)),
            Datum::Char(c) => Ok(Value::character(*c)),
            Datum::String(text) => self.machine.string_from(text),
            Datum::Symbol(name) => self.machine.symbol(name),
            _ => Ok(Value::NIL),
        }
    }

    /// Gives a datum to the frame that waits for it.
    fn complete(&mut self, mut value: Value) -> Result<Option<Value>, Fault> {
        while let Some(top) = self.top() {
            match What::of(top) {
                What::List | What::Vector | What::Bytes => {
                    let items = self.machine.pair(value, top.field(ITEMS))?;
                    self.machine.store(top, ITEMS, items);
                    return Ok(None);
                }
                What::Tail => {
                    self.machine.store(top, TAIL, value);
                    self.machine.store(top, WHAT, What::Ended.value());
                    return Ok(None);
                }
                What::Ended => return Err(bad("more than one datum after `.`")),
                What::Comment => {
                    self.pop();
                    return Ok(None);
                }
                What::Prefix => {
                    let rest = self.machine.pair(value, Value::NIL)?;
                    value = self.machine.pair(top.field(ITEMS), rest)?;
                    self.pop();
                }
                What::Label => {
                    if let Some(placeholder) = ObjectRef::of(top.field(TAIL), Kind::Box) {
                        self.machine.store(placeholder, 1, value);
                    }
                    self.pop();
                }
            }
        }
        Ok(Some(value))
    }

    /// Puts in place of each placeholder what it stands for.
    fn resolved(&self, value: Value) -> Outcome {
        if self.labels.is_empty() {
            return Ok(value);
        }
        let mut seen = HashSet::new();
        let root = self.stands_for(value);
        let mut todo = vec![root];
        while let Some(object) = todo.pop().and_then(ObjectRef::any) {
            let fields = match object.header().kind() {
                Some(Kind::Pair) => 2,
                Some(Kind::Vector) => object.header().length(),
                _ => 0,
            };
            if !seen.insert(object.address()) {
                continue;
            }
            for i in 1..=fields {
                let field = self.stands_for(object.field(i));
                self.machine.store(object, i, field);
                todo.extend(field.as_object().map(|_| field));
            }
        }
        Ok(root)
    }

    fn stands_for(&self, value: Value) -> Value {
        let is_placeholder = self.labels.values().any(|placeholder| *placeholder == value);
        match ObjectRef::of(value, Kind::Box).filter(|_| is_placeholder) {
            Some(placeholder) => placeholder.field(1),
            None => value,
        }
    }
}
