//! One line into one document.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, Visitor};

/// A document, a line without one, or what is wrong with the line.
pub(crate) type Record<'a> = Result<Option<Cow<'a, str>>, String>;

/// A line of a text file: all of it but the line end is the document, unless there is only white space.
pub(crate) fn text_line(line: &[u8]) -> Record<'_> {
    let text = utf8(without_line_end(line))?;
    Ok((!text.trim().is_empty()).then_some(Cow::Borrowed(text)))
}

/// A line of a `.jsonl` file: the document is the string in `column` of the object. White space alone is passed over.
pub(crate) fn json_line<'a>(line: &'a [u8], column: &str) -> Record<'a> {
    let text = utf8(without_line_end(line))?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let document = Column(column).deserialize(&mut json).and_then(|document| json.end().map(|()| document));
    document.map(Some).map_err(|error| {
        // serde_json counts lines within the record; its only line is the one that is reported anyway.
        let (message, position) = (error.to_string(), format!(" at line {} column {}", error.line(), error.column()));
        match message.strip_suffix(&position) {
            Some(cause) if error.is_data() => cause.to_owned(),
            Some(cause) => format!("not JSON: {cause} at column {}", error.column()),
            None => message,
        }
    })
}

fn without_line_end(line: &[u8]) -> &[u8] {
    match line.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => line,
    }
}

fn utf8(line: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(line).map_err(|error| {
        let at = error.valid_up_to();
        format!("not UTF-8: byte 0x{:02x} at column {}", line[at], at + 1)
    })
}

/// Takes one string out of an object and looks at nothing else.
struct Column<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Column<'_> {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Column<'_> {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object with a string in column {:?}", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut document = None;
        let mut others = Vec::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == self.0 {
                document = Some(map.next_value_seed(StringIn(self.0))?);
            } else {
                map.next_value::<IgnoredAny>()?;
                if others.len() < 8 {
                    others.push(key);
                }
            }
        }
        document.ok_or_else(|| {
            de::Error::custom(format!(
                "no column {:?}; its columns are {others:?}, choose one: --text-column, text_column in Python",
                self.0
            ))
        })
    }
}

/// A string, or an error that names the column.
struct StringIn<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for StringIn<'_> {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StringIn<'_> {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a string in column {:?}", self.0)
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &[u8]) -> Result<Option<String>, String> {
        text_line(line).map(|document| document.map(Cow::into_owned))
    }

    fn json(line: &str) -> Result<Option<String>, String> {
        json_line(line.as_bytes(), "text").map(|document| document.map(Cow::into_owned))
    }

    #[test]
    fn only_the_line_end_is_stripped() {
        for (line, document) in [
            ("a b\n", "a b"),
            ("a\r\n", "a"),
            ("a\r", "a\r"),
            ("a\r\r\n", "a\r"),
            (" a\t\n", " a\t"),
            ("\u{feff}a", "\u{feff}a"),
        ] {
            assert_eq!(text(line.as_bytes()), Ok(Some(document.to_owned())), "{line:?}");
        }
    }

    #[test]
    fn white_space_is_no_document() {
        for line in ["\n", "\r\n", " \t\n", "\u{3000}\n", ""] {
            assert_eq!(text(line.as_bytes()), Ok(None), "{line:?}");
            assert_eq!(json(line), Ok(None), "{line:?}");
        }
    }

    #[test]
    fn a_byte_that_is_not_utf8_is_named() {
        assert_eq!(text(b"ab\xffc\n"), Err("not UTF-8: byte 0xff at column 3".to_owned()));
        assert_eq!(text(b"ab\xe2\x82"), Err("not UTF-8: byte 0xe2 at column 3".to_owned()));
    }

    #[test]
    fn the_column_is_found_among_others() {
        assert_eq!(json(r#"{"id": [1, {"text": 2}], "text": "a\n\u00e9", "z": null}"#), Ok(Some("a\né".to_owned())));
        assert_eq!(json(r#"{"text": ""}"#), Ok(Some(String::new())));
        assert_eq!(json(r#"{"te\u0078t": "x"}"#), Ok(Some("x".to_owned())));
    }

    #[test]
    fn broken_records_say_what_is_wrong() {
        for (line, cause) in [
            (r#"{"text": "a""#, "not JSON: EOF while parsing an object at column 12"),
            (r#"{"text": "a"} x"#, "not JSON: trailing characters at column 15"),
            (r#"{"text": "\ud800"}"#, "not JSON: unexpected end of hex escape at column 17"),
            (
                r#"{"body": "a"}"#,
                r#"no column "text"; its columns are ["body"], choose one: --text-column, text_column in Python"#,
            ),
            (r#"{"text": 3}"#, r#"invalid type: integer `3`, expected a string in column "text""#),
            (r#"{"text": null}"#, r#"invalid type: null, expected a string in column "text""#),
            (r#"["a"]"#, r#"invalid type: sequence, expected an object with a string in column "text""#),
            ("a", "not JSON: expected value at column 1"),
        ] {
            assert_eq!(json(line), Err(cause.to_owned()), "{line}");
        }
    }
}
