//! Finds the end of a chunked body, byte by byte or in any pieces. It decodes nothing.

/// Most bytes of chunk extensions and trailers together.
const MOST_EXTRAS: usize = 16 * 1024;

/// Where in the chunked body the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Size { value: u64, digits: u8 },
    Extension { value: u64 },
    SizeEnd { value: u64 },
    Data { left: u64 },
    DataReturn,
    DataEnd,
    TrailerStart,
    Trailer,
    TrailerEnd,
    LastEnd,
    Over,
}

/// The scanner of one body.
#[derive(Debug)]
pub(super) struct Chunks {
    place: Place,
    extras: usize,
}

/// The body is not chunked as RFC 9112 section 7.1 has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

impl Chunks {
    pub(super) fn new() -> Self {
        Self { place: Place::Size { value: 0, digits: 0 }, extras: 0 }
    }

    /// Whether the last chunk and its trailers have been seen.
    pub(super) fn is_over(&self) -> bool {
        self.place == Place::Over
    }

    /// How many of these bytes belong to the body; fewer than all only when it is over.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let mut at = 0;
        while at < bytes.len() && !self.is_over() {
            if let Place::Data { left } = self.place {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                at += taken;
                let left = left - taken as u64;
                self.place = if left == 0 { Place::DataReturn } else { Place::Data { left } };
            } else {
                self.place = self.step(bytes[at])?;
                at += 1;
            }
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<Place, Broken> {
        Ok(match (self.place, byte) {
            (Place::Size { value, digits }, _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).ok_or(Broken)?;
                if digits >= 14 {
                    return Err(Broken);
                }
                Place::Size { value: value * 16 + u64::from(digit), digits: digits + 1 }
            }
            (Place::Size { value, digits: 1.. } | Place::Extension { value }, b'\r') => {
                Place::SizeEnd { value }
            }
            (Place::Size { value, digits: 1.. }, b';' | b' ' | b'\t') => Place::Extension { value },
            (Place::Extension { .. }, b'\n') => return Err(Broken),
            (Place::Extension { value }, _) => self.extra(Place::Extension { value })?,
            (Place::SizeEnd { value: 0 }, b'\n') => Place::TrailerStart,
            (Place::SizeEnd { value }, b'\n') => Place::Data { left: value },
            (Place::DataReturn, b'\r') => Place::DataEnd,
            (Place::DataEnd, b'\n') => Place::Size { value: 0, digits: 0 },
            (Place::TrailerStart, b'\r') => Place::LastEnd,
            (Place::Trailer, b'\r') => Place::TrailerEnd,
            (Place::TrailerStart | Place::Trailer, b'\n') => return Err(Broken),
            (Place::TrailerStart | Place::Trailer, _) => self.extra(Place::Trailer)?,
            (Place::TrailerEnd, b'\n') => Place::TrailerStart,
            (Place::LastEnd, b'\n') => Place::Over,
            _ => return Err(Broken),
        })
    }

    fn extra(&mut self, next: Place) -> Result<Place, Broken> {
        self.extras += 1;
        if self.extras > MOST_EXTRAS { Err(Broken) } else { Ok(next) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_at_every_cut() {
        let body = b"5;x=y\r\nhello\r\nA \r\n0123456789\r\n0\r\nT: 1\r\n\r\n";
        let whole = [&body[..], b"GET"].concat();
        for cut in 0..whole.len() {
            let mut chunks = Chunks::new();
            let mut taken = chunks.scan(&whole[..cut]).expect("good chunks");
            if !chunks.is_over() {
                taken += chunks.scan(&whole[cut..]).expect("good chunks");
            }
            assert!(chunks.is_over());
            assert_eq!(taken, body.len(), "cut at {cut}");
        }
    }

    #[test]
    fn broken_chunks_are_refused() {
        for body in
            ["\r\n", "g\r\n", "5\nhello", "5\r\nhelloX", "0\r\nT: 1\n\r\n", "-1\r\n", "fffffffffffffff\r\n"]
        {
            assert_eq!(Chunks::new().scan(body.as_bytes()), Err(Broken), "{body:?}");
        }
        let long = format!("1;{}", "x".repeat(MOST_EXTRAS + 1));
        assert_eq!(Chunks::new().scan(long.as_bytes()), Err(Broken));
    }
}
