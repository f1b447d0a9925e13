//! Reading from ports: bytes, characters, lines.

use crate::scheme::fault::Fault;
use crate::scheme::primitives::bytevectors::{bytes, overwrite};

use super::held::Held;
use super::{BUFFER, END, POSITION, channel};

/// Bytes that are read from a channel at a time.
const CHUNK: usize = 4096;

impl Held<'_> {
    /// The bytes that are there without asking the channel.
    fn buffered(&self) -> &[u8] {
        let (position, end) = (self.index(POSITION), self.index(END));
        self.port.buffer().and_then(|buffer| bytes(buffer).get(position..end)).unwrap_or_default()
    }

    /// Fetches more bytes behind those that are there; how many.
    fn refill(&self) -> Result<usize, Fault> {
        let Some(number) = self.port.channel() else { return Ok(0) };
        let channels = &self.machine.scheme().channels;
        if number == channel::STDIN {
            // Who is asked should see the question.
            channels.flush(self.procedure, channel::STDOUT)?;
        }
        let mut chunk = [0; CHUNK];
        let count = channels.read(self.procedure, number, &mut chunk)?;
        let mut content = self.buffered().to_vec();
        content.extend_from_slice(&chunk[..count]);
        self.hold(&content)?;
        Ok(count)
    }

    /// Makes `content` what is there to be read.
    fn hold(&self, content: &[u8]) -> Result<(), Fault> {
        match self.port.buffer().filter(|buffer| buffer.header().length() >= content.len()) {
            Some(buffer) => overwrite(buffer, 0, content),
            None => {
                let mut roomy = content.to_vec();
                roomy.resize(content.len().max(2 * CHUNK), 0);
                let buffer = self.machine.bytevector(&roomy)?;
                self.machine.store(self.port.0, BUFFER, buffer);
            }
        }
        self.set_index(POSITION, 0);
        self.set_index(END, content.len());
        Ok(())
    }

    /// At least `count` bytes, if the channel has so many.
    fn at_least(&self, count: usize) -> Result<&[u8], Fault> {
        while self.buffered().len() < count && self.refill()? > 0 {}
        Ok(self.buffered())
    }

    fn skip(&self, count: usize) {
        self.set_index(POSITION, self.index(POSITION) + count);
    }

    /// The next byte, which stays where it is; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Fault::File`].
    pub fn peek_byte(&self) -> Result<Option<u8>, Fault> {
        Ok(self.at_least(1)?.first().copied())
    }

    /// Takes up to `count` bytes; fewer only at the end.
    ///
    /// # Errors
    ///
    /// [`Fault::File`].
    pub fn take_bytes(&self, count: usize) -> Result<Vec<u8>, Fault> {
        let mut taken = Vec::new();
        while taken.len() < count {
            let there = self.at_least(1)?;
            let part = &there[..there.len().min(count - taken.len())];
            if part.is_empty() {
                break;
            }
            taken.extend_from_slice(part);
            self.skip(part.len());
        }
        Ok(taken)
    }

    /// The next character, which stays where it is, and its length; `None` at the end. Bytes that are no UTF-8 count
    /// as U+FFFD each.
    fn next_char(&self) -> Result<Option<(char, usize)>, Fault> {
        let Some(first) = self.peek_byte()? else { return Ok(None) };
        if first.is_ascii() {
            return Ok(Some((first.into(), 1)));
        }
        let length = match first {
            0xf0.. => 4,
            0xe0.. => 3,
            _ => 2,
        };
        let there = self.at_least(length)?;
        let text = there.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
        Ok(Some(
            text.and_then(|text| text.chars().next())
                .map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, length)),
        ))
    }

    /// The next character, which stays where it is.
    ///
    /// # Errors
    ///
    /// [`Fault::File`].
    pub fn peek_char(&self) -> Result<Option<char>, Fault> {
        Ok(self.next_char()?.map(|(c, _)| c))
    }

    /// Takes the next character.
    ///
    /// # Errors
    ///
    /// [`Fault::File`].
    pub fn take_char(&self) -> Result<Option<char>, Fault> {
        let next = self.next_char()?;
        Ok(next.map(|(c, length)| {
            self.skip(length);
            c
        }))
    }
}
