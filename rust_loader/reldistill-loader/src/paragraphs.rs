//! Documents that blank lines separate.

use crate::record::{Record, text_line};

/// Whether there is nothing but white space on a line.
pub(crate) fn is_blank(line: &[u8]) -> bool {
    // The first byte decides for nearly all lines; the thread that reads has no time to look at each character.
    match line.iter().position(|byte| !matches!(byte, b'\t'..=b'\r' | b' ')) {
        None => true,
        Some(at) if line[at].is_ascii() => false,
        Some(at) => std::str::from_utf8(&line[at..]).is_ok_and(|rest| rest.trim().is_empty()),
    }
}

/// A record for each line: a document stands on its first line and there is nothing on the others. Where a line of it
/// is no UTF-8, there is no document, and what is wrong stands on that line.
pub(crate) fn paragraph_lines(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = bytes.split_inclusive(|&byte| byte == b'\n').peekable();
    let mut end = 0;
    let paragraphs = std::iter::from_fn(move || {
        let (start, mut lines) = (end, 1);
        let first = rest.next()?;
        end += first.len();
        let blank = is_blank(first);
        while let Some(line) = rest.next_if(|line| !blank && !is_blank(line)) {
            end += line.len();
            lines += 1;
        }
        Some((&bytes[start..end], lines))
    });
    paragraphs.flat_map(|(paragraph, lines)| {
        let (at, record) = paragraph_record(paragraph);
        let mut record = Some(record);
        (0..lines).map(move |line| if line == at { record.take().unwrap_or(Ok(None)) } else { Ok(None) })
    })
}

/// The document, and the line that it stands on, from 0; or what is wrong with it, and where.
fn paragraph_record(paragraph: &[u8]) -> (usize, Record<'_>) {
    match std::str::from_utf8(paragraph) {
        Ok(_) => (0, text_line(paragraph)),
        Err(error) => {
            let before = &paragraph[..error.valid_up_to()];
            let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            let line = before.iter().filter(|&&byte| byte == b'\n').count();
            (line, text_line(&paragraph[start..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<Result<Option<String>, String>> {
        paragraph_lines(bytes).map(|record| record.map(|text| text.map(|text| text.into_owned()))).collect()
    }

    fn document(text: &str) -> Result<Option<String>, String> {
        Ok(Some(text.to_owned()))
    }

    #[test]
    fn a_document_goes_on_to_the_next_blank_line() {
        assert_eq!(lines(b"a\n b\r\nc\n\nd"), [document("a\n b\r\nc"), Ok(None), Ok(None), Ok(None), document("d")]);
        assert_eq!(lines(b"\n \na\r\n\t\r\n"), [Ok(None), Ok(None), document("a"), Ok(None)]);
        assert_eq!(lines("a\n\u{3000}\u{85}\nb\n".as_bytes()), [document("a"), Ok(None), document("b")]);
        assert_eq!(lines(b""), []);
    }

    #[test]
    fn what_is_no_white_space_separates_nothing() {
        for line in ["\u{200b}", "\u{feff}", ".", " \u{301}", "\u{1c}"] {
            assert!(!is_blank(line.as_bytes()), "{line:?}");
        }
        assert!(!is_blank(b" \xff") && !is_blank(b"\xe3\x80") && is_blank(b" \x0b\x0c\r\n") && is_blank(b""));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_named_on_their_line() {
        let wrong = Err("not UTF-8: byte 0xff at column 2".to_owned());
        assert_eq!(lines(b"a\nb\xffc\nd\xff\n\ne"), [Ok(None), wrong, Ok(None), Ok(None), document("e")]);
        let cut = Err("not UTF-8: byte 0xe2 at column 2".to_owned());
        assert_eq!(lines(b"a\nb\xe2\n"), [Ok(None), cut.clone()]);
        assert_eq!(lines(b"a\nb\xe2"), [Ok(None), cut]);
    }
}
