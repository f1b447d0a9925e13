//! Values as text, without recursion: the stack is nearly used up when a helper runs.

use crate::scheme::concurrency::channel::Channel;
use crate::scheme::concurrency::tasks::TaskObject;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::value::Value;

use std::collections::HashMap;

use crate::scheme::numbers::complex::Complex;
use crate::scheme::numbers::{Number, parse, print};

use super::bytevectors::bytes;
use super::labels;
use super::records::type_name;
use super::strings::{codes, text};
use super::symbols;

/// Which objects get a datum label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// Those that contain themselves: without labels the text would not end.
    Cycles,
    /// All that occur more than once.
    Shared,
    /// None.
    None,
}

/// A value as text: as `write` shows it if `quoted`, else as `display` does.
pub fn printed(value: Value, quoted: bool, labels: Labels) -> String {
    let labels = labels::find(value, labels);
    Printer { quoted, limit: usize::MAX, out: String::new(), labels, numbered: 0 }.print(value)
}

/// As `write` shows it: strings in quotes, characters with `#\`.
pub fn written(value: Value) -> String {
    printed(value, true, Labels::Cycles)
}

/// As `display` shows it.
pub fn displayed(value: Value) -> String {
    printed(value, false, Labels::Cycles)
}

/// As `write` shows it, cut off after about 60 characters: for messages.
pub fn shortened(value: Value) -> String {
    Printer { quoted: true, limit: 60, out: String::new(), labels: HashMap::new(), numbered: 0 }.print(value)
}

struct Printer {
    quoted: bool,
    limit: usize,
    out: String,
    /// By address: the number of the label, once it is out.
    labels: HashMap<usize, Option<usize>>,
    /// How many labels are out.
    numbered: usize,
}

/// What is still to be printed.
enum Job {
    Value(Value),
    /// The rest of a list whose first elements are out.
    Tail(Value),
    /// The elements of a vector from this one on.
    Elements(ObjectRef, usize),
}

impl Printer {
    fn print(mut self, value: Value) -> String {
        let mut jobs = vec![Job::Value(value)];
        while let Some(job) = jobs.pop() {
            if self.out.len() > self.limit {
                self.out.push_str(" ...");
                break;
            }
            match job {
                Job::Value(value) => self.value(value, &mut jobs),
                Job::Tail(rest) => self.tail(rest, &mut jobs),
                Job::Elements(vector, index) => self.elements(vector, index, &mut jobs),
            }
        }
        self.out
    }

    fn value(&mut self, value: Value, jobs: &mut Vec<Job>) {
        if let Some(number) = Number::of(value) {
            return self.out.push_str(&print::decimal(&number));
        }
        if let Some(number) = Complex::of(value) {
            return self.out.push_str(&number.in_radix(10).unwrap_or_default());
        }
        if let Some(c) = value.as_char() {
            return self.character(c);
        }
        match ObjectRef::any(value) {
            Some(object) => self.object(object, jobs),
            None => self.out.push_str(constant(value)),
        }
    }

    /// The label of an object that has one. True if it stands for all of the object.
    fn label(&mut self, object: ObjectRef) -> bool {
        match self.labels.get_mut(&object.address()) {
            None => false,
            Some(Some(number)) => {
                self.out.push_str(&format!("#{number}#"));
                true
            }
            Some(number) => {
                *number = Some(self.numbered);
                self.out.push_str(&format!("#{}=", self.numbered));
                self.numbered += 1;
                false
            }
        }
    }

    fn object(&mut self, object: ObjectRef, jobs: &mut Vec<Job>) {
        if self.label(object) {
            return;
        }
        match object.header().kind() {
            Some(Kind::Pair) => self.pair(object, jobs),
            Some(Kind::Vector) => {
                self.out.push_str("#(");
                jobs.push(Job::Elements(object, 0));
            }
            Some(Kind::String) if self.quoted => self.string(object),
            Some(Kind::String) => self.out.push_str(&text(object)),
            Some(Kind::Symbol) => self.symbol(symbols::name(object)),
            Some(Kind::Closure) => self.out.push_str("#<procedure>"),
            Some(Kind::Box) => self.out.push_str("#<box>"),
            Some(Kind::Bytevector) => self.bytevector(object),
            Some(Kind::Table) => self.out.push_str("#<hash-table>"),
            Some(Kind::Port) => self.out.push_str("#<port>"),
            Some(Kind::Frames | Kind::Continuation) => self.out.push_str("#<continuation>"),
            Some(Kind::Condition) => self.out.push_str("#<error>"),
            Some(Kind::Values) => self.out.push_str("#<values>"),
            Some(Kind::Record) => {
                let name = type_name(object.field(1));
                self.out.push_str(&format!("#<{}>", name.as_deref().unwrap_or("record")));
            }
            Some(Kind::Channel) => self.numbered_object("channel", Channel::new(object).number()),
            Some(Kind::Task) => self.numbered_object("task", TaskObject::new(object).number()),
            Some(Kind::Flonum | Kind::Bignum | Kind::Ratnum | Kind::Compnum) | None => {
                self.out.push_str("#<unknown>")
            }
        }
    }

    /// Something that programs have made several of.
    fn numbered_object(&mut self, kind: &str, number: usize) {
        self.out.push_str(&format!("#<{kind} {number}>"));
    }

    /// `(quote x)` is `'x`, and so on.
    fn pair(&mut self, pair: ObjectRef, jobs: &mut Vec<Job>) {
        let labelled = |value: Value| value.as_object().is_some_and(|at| self.labels.contains_key(&at));
        if let Some((prefix, datum)) = abbreviation(pair).filter(|_| !labelled(pair.field(2))) {
            self.out.push_str(prefix);
            return jobs.push(Job::Value(datum));
        }
        self.out.push('(');
        jobs.push(Job::Tail(pair.field(2)));
        jobs.push(Job::Value(pair.field(1)));
    }

    fn tail(&mut self, rest: Value, jobs: &mut Vec<Job>) {
        let unlabelled = |pair: &ObjectRef| !self.labels.contains_key(&pair.address());
        if let Some(pair) = ObjectRef::of(rest, Kind::Pair).filter(unlabelled) {
            self.out.push(' ');
            jobs.push(Job::Tail(pair.field(2)));
            jobs.push(Job::Value(pair.field(1)));
        } else if rest == Value::NIL {
            self.out.push(')');
        } else {
            self.out.push_str(" . ");
            jobs.push(Job::Tail(Value::NIL));
            jobs.push(Job::Value(rest));
        }
    }

    fn elements(&mut self, vector: ObjectRef, index: usize, jobs: &mut Vec<Job>) {
        if index == vector.header().length() {
            return self.out.push(')');
        }
        if index > 0 {
            self.out.push(' ');
        }
        jobs.push(Job::Elements(vector, index + 1));
        jobs.push(Job::Value(vector.field(1 + index)));
    }

    fn string(&mut self, string: ObjectRef) {
        self.out.push('"');
        for c in codes(string).filter_map(char::from_u32) {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\t' => self.out.push_str("\\t"),
                '\r' => self.out.push_str("\\r"),
                c if c.is_control() => self.out.push_str(&format!("\\x{:x};", u32::from(c))),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn bytevector(&mut self, object: ObjectRef) {
        let bytes: Vec<String> = bytes(object).iter().map(u8::to_string).collect();
        self.out.push_str(&format!("#u8({})", bytes.join(" ")));
    }

    fn symbol(&mut self, name: &str) {
        if !self.quoted || is_plain(name) {
            self.out.push_str(name);
        } else {
            self.out.push_str(&format!("|{}|", name.replace('\\', "\\\\").replace('|', "\\|")));
        }
    }

    fn character(&mut self, c: char) {
        if !self.quoted {
            return self.out.push(c);
        }
        self.out.push_str("#\\");
        match c {
            ' ' => self.out.push_str("space"),
            '\n' => self.out.push_str("newline"),
            '\t' => self.out.push_str("tab"),
            '\r' => self.out.push_str("return"),
            '\0' => self.out.push_str("null"),
            '\x07' => self.out.push_str("alarm"),
            '\x08' => self.out.push_str("backspace"),
            '\x1b' => self.out.push_str("escape"),
            '\x7f' => self.out.push_str("delete"),
            c if c.is_control() => self.out.push_str(&format!("x{:x}", u32::from(c))),
            c => self.out.push(c),
        }
    }
}

fn constant(value: Value) -> &'static str {
    match value {
        Value::FALSE => "#f",
        Value::TRUE => "#t",
        Value::NIL => "()",
        Value::EOF => "#<eof>",
        Value::UNSPECIFIED => "#<unspecified>",
        _ => "#<unknown>",
    }
}

/// Is a symbol of that name read back without bars around it?
fn is_plain(name: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "()[]{}\"';`,|".contains(c);
    let number = parse::number(name, 10).is_some()
        || parse::complex(name, 10).is_some()
        || (parse::looks_like_one(name) && !["1+", "1-", "-1+"].contains(&name));
    !name.is_empty() && name != "." && !name.starts_with('#') && !name.contains(odd) && !number
}

/// The prefix of `(quote datum)` and its kin.
fn abbreviation(pair: ObjectRef) -> Option<(&'static str, Value)> {
    let prefix = match symbols::name(ObjectRef::of(pair.field(1), Kind::Symbol)?) {
        "quote" => "'",
        "quasiquote" => "`",
        "unquote" => ",",
        "unquote-splicing" => ",@",
        _ => return None,
    };
    let rest = ObjectRef::of(pair.field(2), Kind::Pair)?;
    (rest.field(2) == Value::NIL).then_some((prefix, rest.field(1)))
}
