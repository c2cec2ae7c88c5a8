//! The header of a message in stored form, field by field, however it was cut. What ends it is said here and nowhere else.

/// What stands at the beginning of some octets of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It cannot be told before more octets are there.
    More,
    /// A field of so many octets, its last line end included; its name ends at the colon at `colon`.
    Field {
        /// Where the colon is.
        colon: usize,
        /// How long it is.
        octets: usize,
    },
    /// The empty line that ends the header.
    Blank,
    /// Something else: there is no header, or it has ended without an empty line.
    Body,
}

/// What stands at the beginning of `octets`, behind which nothing follows if `whole`.
pub fn part(octets: &[u8], whole: bool) -> Part {
    match octets.first() {
        None if !whole => return Part::More,
        None => return Part::Body,
        Some(b'\n') => return Part::Blank,
        Some(_) => {}
    }
    let mut end = 0;
    loop {
        match memchr::memchr(b'\n', &octets[end..]) {
            Some(at) => end += at + 1,
            None if whole => end = octets.len(),
            None => return Part::More,
        }
        match octets.get(end) {
            Some(b' ' | b'\t') => {}
            None if !whole => return Part::More,
            Some(_) | None => break,
        }
    }
    let field = &octets[..end];
    match memchr::memchr(b':', field) {
        // A blank before the colon is old, and was meant as a field all the same.
        Some(colon) if super::field::is_field_name(field[..colon].trim_ascii_end()) => {
            Part::Field { colon, octets: end }
        }
        Some(_) | None => Part::Body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_end_where_the_next_line_begins() {
        for (octets, whole, wanted) in [
            ("", false, Part::More),
            ("", true, Part::Body),
            ("\nbody", false, Part::Blank),
            ("A: b\n", false, Part::More),
            ("A: b\n", true, Part::Field { colon: 1, octets: 5 }),
            ("A: b", true, Part::Field { colon: 1, octets: 4 }),
            ("A: b\nC: d\n", false, Part::Field { colon: 1, octets: 5 }),
            ("A: b\n\tc\n d\n\n", false, Part::Field { colon: 1, octets: 11 }),
            ("A : b\n\n", false, Part::Field { colon: 2, octets: 6 }),
            ("no field\n\n", false, Part::Body),
            ("a b: c\n\n", false, Part::Body),
            (" x: y\n\n", false, Part::Body),
            ("no end", false, Part::More),
        ] {
            assert_eq!(part(octets.as_bytes(), whole), wanted, "{octets:?}");
        }
    }
}
