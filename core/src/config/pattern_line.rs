//! The text of a pattern line: `glob [load] styles`, `glob [load] !text`, and back. What follows from a line is not
//! known here.

use super::file::pattern;
use super::patterns::{PatternAction, PatternLine, Styles};
use alloc::format;
use alloc::string::{String, ToString};

/// Reads a line. What is unfit is told by its place, in octets.
pub fn read(text: &str) -> Result<PatternLine, usize> {
    pattern::read(text).map_err(|fault| fault.at.start)
}

/// The line as it would be read again.
pub fn write(line: &PatternLine) -> String {
    let load = line.load_max.map_or_else(|| String::from("*"), |load| load.to_string());
    match &line.action {
        PatternAction::Style(styles) => format!("{} {load} {}", line.glob, letters(*styles)),
        PatternAction::Refuse(text) => format!("{} {load} !{text}", line.glob),
    }
}

/// The letters of styles, `-` for none.
pub fn letters(styles: Styles) -> String {
    let all = [
        ('f', styles.check_from),
        ('t', styles.check_to),
        ('F', styles.from_unrouted),
        ('T', styles.to_unrouted),
        ('v', styles.route_vrfy),
        ('e', styles.route_expn),
        ('h', styles.route_helo),
        ('R', styles.qualified),
        ('S', styles.sloppy),
        ('D', styles.keep_broken),
    ];
    let on: String = all.iter().filter(|(_, on)| *on).map(|(letter, _)| *letter).collect();
    if on.is_empty() { String::from("-") } else { on }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_read_as_they_are_written() {
        for text in ["localhost * ftveR", "*.UUCP\tftve", "* 40 ve", "* ve 40", "* -", "bad.example 30 !"] {
            let line = read(text).expect(text);
            assert_eq!(read(&write(&line)), Ok(line), "{text}");
        }
        for (text, at) in [("mx.example", 10), ("* veX", 4), ("* ve surplus", 5), ("* 4 ve 5 6", 9)] {
            assert_eq!(read(text), Err(at), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_line_or_is_unfit_somewhere(text in "\\PC{0,40}") {
            match read(&text) {
                Ok(line) => prop_assert_eq!(read(&write(&line)), Ok(line)),
                Err(at) => prop_assert!(at <= text.len()),
            }
        }
    }
}
