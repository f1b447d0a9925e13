//! Where a datum ends in a stream of characters: for `read`, which must not take more, and for the prompt, which asks
//! for another line until there is a whole one.

/// What to do with the next character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It belongs to the datum, or to the blanks and comments around it.
    Take,
    /// The datum ended before it.
    Stop,
}

/// What the characters so far end in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    Nothing,
    /// A name, number or the like, which ends at a delimiter.
    Word,
    /// A string or `|symbol|`, which ends at that character; was the last one a backslash?
    Quoted(char, bool),
    LineComment,
    /// `#|`, so many of them; the last character of it.
    BlockComment(usize, char),
    /// `#` alone.
    Sharp,
    /// `#!fold-case` and the like.
    Directive,
    /// `#` and digits: a label, or a reference to one.
    Label,
    /// `#u`, or `#u8`.
    Bytes(char),
    /// `#\`, whose next character is none of its kind.
    Character,
    /// A datum is complete.
    Complete,
}

/// Follows the characters of one datum.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    inside: Inside,
    /// Open parentheses.
    depth: usize,
    /// `#;` at depth 0 that wait for their datum.
    skips: usize,
    /// Was there anything but blanks and comments?
    started: bool,
}

impl Extent {
    /// Before the first character.
    pub fn new() -> Extent {
        Extent { inside: Inside::Nothing, depth: 0, skips: 0, started: false }
    }

    /// Is there nothing so far but blanks and comments?
    pub fn is_blank(&self) -> bool {
        !self.started && !matches!(self.inside, Inside::BlockComment(..)) && self.skips == 0
    }

    /// Would the end of the text be the end of the datum?
    pub fn may_end(&self) -> bool {
        match self.inside {
            Inside::Complete => true,
            Inside::Word | Inside::Sharp | Inside::Label | Inside::Bytes(_) => {
                self.depth == 0 && self.skips == 0
            }
            Inside::Nothing | Inside::LineComment | Inside::Directive => self.is_blank(),
            _ => false,
        }
    }

    /// Looks at the next character.
    pub fn step(&mut self, c: char) -> Step {
        let word = matches!(self.inside, Inside::Word | Inside::Label | Inside::Bytes(_));
        if self.inside == Inside::Word && c == '|' {
            // `a|b c|d` is one symbol.
            self.inside = Inside::Quoted('|', false);
            return Step::Take;
        }
        if word && is_delimiter(c) && (self.inside, c) != (Inside::Bytes('8'), '(') {
            self.inside = Inside::Nothing;
            self.datum();
        }
        if self.inside == Inside::Directive && is_delimiter(c) {
            self.inside = Inside::Nothing;
        }
        if self.inside == Inside::Complete {
            return Step::Stop;
        }
        self.take(c);
        Step::Take
    }

    /// A datum has ended.
    fn datum(&mut self) {
        if self.depth > 0 {
            return;
        }
        if self.skips > 0 {
            self.skips -= 1;
        } else {
            self.inside = Inside::Complete;
        }
    }

    fn take(&mut self, c: char) {
        match self.inside {
            Inside::Nothing | Inside::Complete => self.first(c),
            Inside::Word | Inside::Directive => {}
            Inside::Quoted(_, true) => self.unescape(),
            // A symbol may go on behind its bars.
            Inside::Quoted('|', false) if c == '|' => self.inside = Inside::Word,
            Inside::Quoted(end, false) if c == end => self.end_of_token(),
            Inside::Quoted(end, false) => self.inside = Inside::Quoted(end, c == '\\'),
            Inside::LineComment if c == '\n' => self.inside = Inside::Nothing,
            Inside::LineComment => {}
            Inside::BlockComment(count, last) => self.block_comment(count, last, c),
            Inside::Sharp => self.after_sharp(c),
            Inside::Character => self.inside = Inside::Word,
            Inside::Label => self.label(c),
            Inside::Bytes('u') if c == '8' => self.inside = Inside::Bytes('8'),
            Inside::Bytes('8') if c == '(' => self.open(),
            Inside::Bytes(_) => self.inside = Inside::Word,
        }
    }

    fn unescape(&mut self) {
        if let Inside::Quoted(end, _) = self.inside {
            self.inside = Inside::Quoted(end, false);
        }
    }

    fn end_of_token(&mut self) {
        self.inside = Inside::Nothing;
        self.datum();
    }

    /// The first character of a token.
    fn first(&mut self, c: char) {
        match c {
            ';' => self.inside = Inside::LineComment,
            '#' => self.inside = Inside::Sharp,
            c if c.is_whitespace() => {}
            '(' | '[' => self.open(),
            ')' | ']' => self.close(),
            '"' | '|' => self.start(Inside::Quoted(c, false)),
            '\'' | '`' | ',' => self.started = true,
            // What follows `,`.
            '@' if self.started => {}
            _ => self.start(Inside::Word),
        }
    }

    fn start(&mut self, inside: Inside) {
        self.started = true;
        self.inside = inside;
    }

    fn open(&mut self) {
        self.start(Inside::Nothing);
        self.depth += 1;
    }

    /// One too many ends the datum, too: the reader will complain of it.
    fn close(&mut self) {
        self.start(Inside::Nothing);
        self.depth = self.depth.saturating_sub(1);
        self.datum();
    }

    fn after_sharp(&mut self, c: char) {
        match c {
            '(' => self.open(),
            '!' => self.inside = Inside::Directive,
            '|' => self.inside = Inside::BlockComment(1, ' '),
            '\\' => self.start(Inside::Character),
            ';' => {
                self.inside = Inside::Nothing;
                self.skips += usize::from(self.depth == 0);
            }
            'u' => self.start(Inside::Bytes('u')),
            c if c.is_ascii_digit() => self.start(Inside::Label),
            _ => self.start(Inside::Word),
        }
    }

    /// `#0=` is followed by a datum, `#0#` is one.
    fn label(&mut self, c: char) {
        match c {
            '=' => self.inside = Inside::Nothing,
            '#' => self.end_of_token(),
            c if c.is_ascii_digit() => {}
            _ => self.inside = Inside::Word,
        }
    }

    fn block_comment(&mut self, count: usize, last: char, c: char) {
        self.inside = match (last, c) {
            ('|', '#') if count == 1 => Inside::Nothing,
            ('|', '#') => Inside::BlockComment(count - 1, ' '),
            ('#', '|') => Inside::BlockComment(count + 1, ' '),
            _ => Inside::BlockComment(count, c),
        };
    }
}

fn is_delimiter(c: char) -> bool {
    c.is_whitespace() || "()[]{}\";'`,|".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of `text` that is taken; `None` if more is needed.
    fn taken(text: &str) -> Option<&str> {
        let mut extent = Extent::new();
        for (at, c) in text.char_indices() {
            if extent.step(c) == Step::Stop {
                return Some(&text[..at]);
            }
        }
        extent.may_end().then_some(text)
    }

    #[test]
    fn a_datum_ends_where_it_should() {
        for (text, datum) in [
            ("abc def", "abc"),
            ("(a (b) c) d", "(a (b) c)"),
            ("'(a) b", "'(a)"),
            ("\"a)\\\"b\" c", "\"a)\\\"b\""),
            ("#\\) x", "#\\)"),
            ("#\\space)", "#\\space"),
            ("#(1 2)3", "#(1 2)"),
            ("#u8(1) 2", "#u8(1)"),
            ("#0=(a #0#) b", "#0=(a #0#)"),
            ("#12# c", "#12#"),
            (" ; x\n y z", " ; x\n y"),
            ("#| ( #| |# |# a b", "#| ( #| |# |# a"),
            ("#;(a b) c d", "#;(a b) c"),
            ("#;#;a b c d", "#;#;a b c"),
            ("'#;a b c", "'#;a b"),
            ("(a #;b c) d", "(a #;b c)"),
            ("#!fold-case ABC d", "#!fold-case ABC"),
            ("|a b| c", "|a b|"),
            ("a|b c|d|)|e f", "a|b c|d|)|e"),
            ("[a (b)] c", "[a (b)]"),
            (",@x y", ",@x"),
            (")x", ")"),
            ("12)", "12"),
            ("#t#f", "#t#f"),
            ("a", "a"),
            ("", ""),
            (" ; only", " ; only"),
        ] {
            assert_eq!(taken(text), Some(datum), "{text}");
        }
    }

    #[test]
    fn what_is_not_whole_needs_more() {
        for text in ["(", "(a", "\"a", "'", "#|", "(a . b", "#;", "#;a", "|a", "#(1", "(\")\"", "`(a ,"] {
            assert_eq!(taken(text), None, "{text}");
        }
    }
}
